package main

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

var sample = release{
	version: "v1.2.3", revision: "abc", license: "Apache-2.0", created: time.Unix(1_700_000_000, 0), certificates: []byte("roots"),
}

func findComponent(t *testing.T, name string) component {
	t.Helper()
	for _, c := range components() {
		if c.name == name {
			return c
		}
	}
	t.Fatalf("no component %s", name)
	return component{}
}

// writeSample assembles and saves a component. It returns the path and the content of the archive.
func writeSample(t *testing.T, c component) (string, []byte) {
	t.Helper()
	image, err := c.assemble([]byte("program"), sample)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), c.name+".tar")
	if err := save(image, c.reference(sample.version), file); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return file, content
}

func TestEqualInputsGiveEqualArchives(t *testing.T) {
	for _, c := range components() {
		_, first := writeSample(t, c)
		_, second := writeSample(t, c)
		if !slices.Equal(first, second) {
			t.Errorf("%s: two archives of the same inputs differ", c.name)
		}
	}
}

func TestImageHasItsFilesAndNothingMore(t *testing.T) {
	file, _ := writeSample(t, findComponent(t, "echo-go"))
	image, err := tarball.ImageFromPath(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	flat := mutate.Extract(image)
	defer flat.Close()
	owners := map[string]int{}
	var names []string
	reader := tar.NewReader(flat)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.ModTime.Unix() != 0 {
			t.Errorf("%s has a time of its own: %s", header.Name, header.ModTime)
		}
		owners[header.Name] = header.Uid
		if header.Typeflag == tar.TypeReg {
			names = append(names, header.Name)
		}
	}
	want := []string{
		"etc/group", "etc/nsswitch.conf", "etc/passwd", "etc/ssl/certs/ca-certificates.crt", "usr/local/server/bin/EchoGo",
	}
	if !slices.Equal(names, want) {
		t.Errorf("files are %v, want %v", names, want)
	}
	for name, owner := range owners {
		wanted := 0
		if strings.TrimSuffix(name, "/") == "usr/local/app/tars/app_log" {
			wanted = nobody
		}
		if owner != wanted {
			t.Errorf("%s belongs to %d, want %d", name, owner, wanted)
		}
	}
}

func TestConfigurationSaysHowToRunIt(t *testing.T) {
	file, _ := writeSample(t, findComponent(t, "echo-rust"))
	image, err := tarball.ImageFromPath(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	described, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if got := described.Config.User; got != "65532:65532" {
		t.Errorf("user is %q", got)
	}
	if got := described.Config.Entrypoint; !slices.Equal(got, startServer) {
		t.Errorf("entry point is %q", got)
	}
	if !slices.Contains(described.Config.Env, "ServerType=cpp") {
		t.Errorf("environment is %q", described.Config.Env)
	}
	for label, want := range map[string]string{"version": "v1.2.3", "revision": "abc", "licenses": "Apache-2.0", "title": "EchoRust"} {
		if got := described.Config.Labels["org.opencontainers.image."+label]; got != want {
			t.Errorf("label %s is %q, want %q", label, got, want)
		}
	}
}

func TestOnlyTheAgentRunsAsRoot(t *testing.T) {
	for _, c := range components() {
		if (c.user == 0) != (c.name == "tarsagent") {
			t.Errorf("%s runs as %d", c.name, c.user)
		}
	}
}

func TestComponentsAreChosenByName(t *testing.T) {
	all, err := chooseComponents(nil)
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(all, func(c component) bool { return c.extra }) {
		t.Error("an extra component is built without being named")
	}
	if _, err := chooseComponents([]string{"tarsnode", "nosuch"}); err == nil || !strings.Contains(err.Error(), `"nosuch"`) {
		t.Errorf("an unknown component gives %v", err)
	}
}

// An archive is packed again only when one of its inputs has changed, or when it was damaged.
func TestUnchangedInputsArePackedOnce(t *testing.T) {
	folder := t.TempDir()
	program, destination := filepath.Join(folder, "program"), filepath.Join(folder, "pause.tar")
	c := findComponent(t, "pause")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(program, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(of release, want bool, why string) {
		t.Helper()
		if _, got, err := pack(c, program, of, destination); err != nil || got != want {
			t.Errorf("%s: packed %v (error %v), want %v", why, got, err, want)
		}
	}
	write("one")
	expect(sample, true, "the first time")
	expect(sample, false, "nothing changed")
	write("two")
	expect(sample, true, "the program changed")
	later := sample
	later.revision = "def"
	expect(later, true, "another revision")
	if err := os.Truncate(destination, 10); err != nil {
		t.Fatal(err)
	}
	expect(later, true, "the archive was cut off")
}

func TestDockerfileIsInStep(t *testing.T) {
	checkedIn, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	if string(checkedIn) != renderDockerfile() {
		t.Error("Dockerfile does not match components.go: run integration/images/build.sh dockerfile")
	}
}

// The workspace has the package and the program of every Rust component, and the folder of every Go component exists.
func TestSourcesExist(t *testing.T) {
	output, err := exec.Command("cargo", "metadata", "--no-deps", "--offline", "--format-version", "1",
		"--manifest-path", "../../Cargo.toml").Output()
	if err != nil {
		t.Skipf("cargo cannot list the packages: %v", err)
	}
	for _, c := range components() {
		if c.toolchain == golang {
			if _, err := os.Stat(filepath.Join("../..", c.source)); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		for _, name := range []string{c.source, c.program} {
			if !strings.Contains(string(output), `"name":"`+name+`"`) {
				t.Errorf("%s: the workspace has no package or program %q", c.name, name)
			}
		}
	}
}

func TestDifferencesAreFound(t *testing.T) {
	// This is the header of a program for x86-64 and nothing else. An interpreter would make it a dynamic program.
	program := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 57)...)
	program[16], program[18], program[20] = 2, 62, 1
	of := sample
	of.certificates = []byte("-----BEGIN CERTIFICATE-----")
	c := findComponent(t, "echo-go")
	expect := func(built component, content []byte, want ...string) {
		t.Helper()
		image, err := built.assemble(content, of)
		if err != nil {
			t.Fatal(err)
		}
		if found, _, err := c.findDifferences(image, of); err != nil || !slices.Equal(found, want) {
			t.Errorf("differences are %q (error %v), want %q", found, err, want)
		}
	}
	expect(c, program)
	expect(c, []byte{}, c.path+": EOF")

	other := c
	other.owned, other.user, other.env = []string{"/usr/local/app/tars", c.owned[0]}, 1, nil
	expect(other, program,
		"/usr/local/app/tars is a folder of 1 with mode 0755, want a folder of 0 with mode 0755",
		"/usr/local/app/tars/app_log is a folder of 1 with mode 0755, want a folder of 65532 with mode 0755",
		`user is "1:1", want "65532:65532"`,
		`environment is ["PATH=/usr/local/server/bin"], want ["PATH=/usr/local/server/bin" "ServerType=go"]`)

	other = c
	other.owned, other.title = append([]string{"/var"}, c.owned...), "Other"
	expect(other, program,
		"/var is a folder of 65532 with mode 0755, want nothing",
		`label org.opencontainers.image.title is "Other", want "EchoGo"`)
}
