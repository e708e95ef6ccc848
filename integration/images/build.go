package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

const (
	// target is the platform of the programs. With a named target, cargo does not apply the static flag to build scripts and macros.
	target = "x86_64-unknown-linux-gnu"
	// trusted is the file of the root certificates in Debian's package ca-certificates.
	trusted = "/etc/ssl/certs/ca-certificates.crt"
	// linkerFlags remove from Go programs the data that only debuggers need, and the build id.
	linkerFlags = "-s -w -buildid="
)

// openBytes returns a function that opens the same bytes any number of times.
func openBytes(content []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
}

// readRelease reads version and licence from the workspace. The rest comes from the repository, if there is one.
func readRelease(root string) (release, error) {
	manifest, err := os.ReadFile(filepath.Join(root, "Cargo.toml"))
	if err != nil {
		return release{}, err
	}
	found := release{created: time.Unix(0, 0).UTC()}
	for key, destination := range map[string]*string{"version": &found.version, "license": &found.license} {
		match := regexp.MustCompile(`(?ms)^\[workspace\.package\].*?^` + key + ` = "([^"]+)"`).FindSubmatch(manifest)
		if match == nil {
			return release{}, fmt.Errorf("Cargo.toml: [workspace.package] has no %s", key)
		}
		*destination = string(match[1])
	}
	found.version = "v" + found.version

	if revision, err := runGit(root, "rev-parse", "HEAD"); err == nil {
		found.revision = revision
		if changed, err := runGit(root, "status", "--porcelain", "--untracked-files=no"); err != nil || changed != "" {
			found.revision += "-dirty"
		}
	}
	seconds := os.Getenv("SOURCE_DATE_EPOCH")
	if seconds == "" && found.revision != "" {
		if seconds, err = runGit(root, "log", "-1", "--format=%ct"); err != nil {
			return release{}, fmt.Errorf("read the time of the commit: %w", err)
		}
	}
	if seconds != "" {
		at, err := strconv.ParseInt(seconds, 10, 64)
		if err != nil {
			return release{}, fmt.Errorf("SOURCE_DATE_EPOCH: %q is not a number of seconds", seconds)
		}
		found.created = time.Unix(at, 0).UTC()
	}
	found.certificates, err = os.ReadFile(trusted)
	if err != nil {
		return release{}, fmt.Errorf("%w (install the package ca-certificates)", err)
	}
	return found, nil
}

func runGit(root string, arguments ...string) (string, error) {
	output, err := exec.Command("git", append([]string{"-C", root}, arguments...)...).Output()
	return strings.TrimSpace(string(output)), err
}

// compile builds the programs of all components, and returns the path of each. One call of cargo builds all Rust programs.
func compile(root string, wanted []component) (map[string]string, error) {
	programs := make(map[string]string, len(wanted))
	var packages []string
	for _, c := range wanted {
		switch c.toolchain {
		case rust:
			packages = append(packages, "--package", c.source)
			programs[c.name] = filepath.Join(targetFolder(root), target, "release", c.program)
		case golang:
			programs[c.name] = filepath.Join(targetFolder(root), "images", "programs", c.name)
			if err := compileGo(filepath.Join(root, c.source), programs[c.name]); err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	if len(packages) > 0 {
		if err := compileRust(root, packages); err != nil {
			return nil, fmt.Errorf("cargo build: %w", err)
		}
	}
	return programs, nil
}

func targetFolder(root string) string {
	if folder := os.Getenv("CARGO_TARGET_DIR"); folder != "" {
		return folder
	}
	return filepath.Join(root, "target")
}

func compileRust(root string, packages []string) error {
	home, err := os.UserHomeDir()
	if err != nil {
		return err
	}
	cargo := os.Getenv("CARGO_HOME")
	if cargo == "" {
		cargo = filepath.Join(home, ".cargo")
	}
	arguments := append([]string{"build", "--release", "--locked", "--target", target}, packages...)
	command := exec.Command("cargo", arguments...)
	command.Dir, command.Stdout, command.Stderr = root, os.Stderr, os.Stderr
	command.Env = append(os.Environ(), "RUSTFLAGS="+rustFlags(root, cargo))
	return command.Run()
}

// rustFlags removes the paths of the clone and of the user's home from the program, so that every clone builds the same program.
func rustFlags(root, cargo string) string {
	return fmt.Sprintf("-C target-feature=+crt-static --remap-path-prefix=%s=/tars --remap-path-prefix=%s=/cargo", root, cargo)
}

func compileGo(folder, destination string) error {
	command := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags", linkerFlags,
		"-o", destination, ".")
	command.Dir, command.Stdout, command.Stderr = folder, os.Stderr, os.Stderr
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOOS=linux", "GOARCH=amd64")
	return command.Run()
}

// stamp describes the inputs of an archive and the result. It is stored beside the archive.
type stamp struct {
	Inputs    string `json:"inputs"`
	Reference string `json:"reference"`
	Digest    string `json:"digest"`
	// Content is the digest of the file system. It is equal when two images differ only in their labels.
	Content string `json:"content"`
	// Bytes is the size of the archive as it is transferred. Unpacked is the size of the file system.
	Bytes    int64 `json:"bytes"`
	Unpacked int64 `json:"unpacked"`
}

// pack brings the archive of a component up to date. It reports whether the archive had to be written.
func pack(c component, program string, of release, destination string) (stamp, bool, error) {
	content, err := os.ReadFile(program)
	if err != nil {
		return stamp{}, false, err
	}
	inputs, err := fingerprint(c, content, of)
	if err != nil {
		return stamp{}, false, err
	}
	record := strings.TrimSuffix(destination, ".tar") + ".json"
	if old, err := readStamp(record, destination); err == nil && old.Inputs == inputs {
		return old, false, nil
	}
	image, err := c.assemble(content, of)
	if err != nil {
		return stamp{}, false, err
	}
	if err := save(image, c.reference(of.version), destination); err != nil {
		return stamp{}, false, err
	}
	digest, err := image.Digest()
	if err != nil {
		return stamp{}, false, err
	}
	written, err := os.Stat(destination)
	if err != nil {
		return stamp{}, false, err
	}
	described, err := image.ConfigFile()
	if err != nil {
		return stamp{}, false, err
	}
	made := stamp{
		Inputs: inputs, Reference: c.reference(of.version), Digest: digest.String(), Content: described.RootFS.DiffIDs[0].String(),
		Bytes: written.Size(),
	}
	for _, entry := range c.listFiles(content, of.certificates) {
		made.Unpacked += int64(len(entry.body))
	}
	text, err := json.MarshalIndent(made, "", "  ")
	if err != nil {
		return stamp{}, false, err
	}
	return made, true, os.WriteFile(record, append(text, '\n'), 0o644)
}

// fingerprint covers everything on which an archive depends. That includes this program, which decides how an archive is made.
func fingerprint(c component, content []byte, of release) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	packer, err := os.ReadFile(self)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%x %x %x %s %s %s %d %s", sha256.Sum256(packer), sha256.Sum256(content), sha256.Sum256(of.certificates),
		c.name, of.version, of.revision, of.created.Unix(), runtime.Version())
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func readStamp(record, destination string) (stamp, error) {
	text, err := os.ReadFile(record)
	if err != nil {
		return stamp{}, err
	}
	var old stamp
	if err := json.Unmarshal(text, &old); err != nil {
		return stamp{}, err
	}
	written, err := os.Stat(destination)
	if err != nil {
		return stamp{}, err
	}
	if written.Size() != old.Bytes {
		return stamp{}, errors.New("the archive is not the one that was written")
	}
	return old, nil
}
