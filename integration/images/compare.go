package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// compareAll compares each image FOLDER/COMPONENT.tar, which a container engine built from Dockerfile, with the image that is packed.
func compareAll(root, folder string, names []string) error {
	wanted, of, err := chooseRelease(root, names)
	if err != nil {
		return err
	}
	failed := false
	for _, c := range wanted {
		image, err := tarball.ImageFromPath(filepath.Join(folder, c.name+".tar"), nil)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		found, size, err := c.findDifferences(image, of)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		for _, difference := range found {
			fmt.Printf("%s: %s\n", c.name, difference)
			failed = true
		}
		fmt.Printf("%-14s %5.1f MB unpacked, %d differences\n", c.name, float64(size)/1e6, len(found))
	}
	if failed {
		return errors.New("the images that are built from Dockerfile differ from those that are packed")
	}
	return nil
}

// findDifferences returns the differences between an image and the one that is packed, and the size of the image. Some differences are
// allowed: times, the number of layers, labels that the engine adds, and the bytes of the program and of the certificates.
func (c component) findDifferences(image v1.Image, of release) ([]string, int64, error) {
	have, err := readEntries(image)
	if err != nil {
		return nil, 0, err
	}
	var found []string
	var size int64
	program := have[strings.TrimPrefix(c.path, "/")].body
	certificates := have[strings.TrimPrefix(trusted, "/")].body
	if err := checkStatic(program); err != nil {
		found = append(found, fmt.Sprintf("%s: %v", c.path, err))
	}
	if !bytes.Contains(certificates, []byte("-----BEGIN CERTIFICATE-----")) {
		found = append(found, trusted+" has no certificate")
	}
	for _, want := range c.listFiles(program, certificates) {
		entry, exists := have[want.path]
		delete(have, want.path)
		size += int64(len(entry.body))
		switch {
		case !exists:
			found = append(found, "/"+want.path+" is missing")
		case entry.mode != want.mode || entry.owner != want.owner || (entry.body == nil) != (want.body == nil):
			found = append(found, fmt.Sprintf("/%s is %s, want %s", want.path, entry, want))
		case !bytes.Equal(entry.body, want.body):
			found = append(found, fmt.Sprintf("/%s holds %q, want %q", want.path, entry.body, want.body))
		}
	}
	for name, entry := range have {
		found = append(found, fmt.Sprintf("/%s is %s, want nothing", name, entry))
	}
	slices.Sort(found)

	packed, err := c.assemble(program, of)
	if err != nil {
		return nil, 0, err
	}
	want, err := packed.ConfigFile()
	if err != nil {
		return nil, 0, err
	}
	got, err := image.ConfigFile()
	if err != nil {
		return nil, 0, err
	}
	for label, text := range want.Config.Labels {
		if got.Config.Labels[label] != text {
			found = append(found, fmt.Sprintf("label %s is %q, want %q", label, got.Config.Labels[label], text))
		}
	}
	for _, part := range []struct {
		name      string
		got, want any
	}{
		{"platform", got.OS + "/" + got.Architecture, want.OS + "/" + want.Architecture},
		{"user", got.Config.User, want.Config.User},
		{"working folder", got.Config.WorkingDir, want.Config.WorkingDir},
		{"entry point", got.Config.Entrypoint, want.Config.Entrypoint},
		{"command", got.Config.Cmd, want.Config.Cmd},
		{"environment", got.Config.Env, want.Config.Env},
		{"ports", fmt.Sprint(got.Config.ExposedPorts), fmt.Sprint(want.Config.ExposedPorts)},
		{"volumes", fmt.Sprint(got.Config.Volumes), fmt.Sprint(want.Config.Volumes)},
	} {
		if fmt.Sprintf("%q", part.got) != fmt.Sprintf("%q", part.want) {
			found = append(found, fmt.Sprintf("%s is %q, want %q", part.name, part.got, part.want))
		}
	}
	return found, size, nil
}

// readEntries reads the whole file system of an image, with all layers on top of each other.
func readEntries(image v1.Image) (map[string]file, error) {
	flat := mutate.Extract(image)
	defer flat.Close()
	have := make(map[string]file)
	for reader := tar.NewReader(flat); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return have, nil
		}
		if err != nil {
			return nil, err
		}
		if path.Clean(header.Name) == "." {
			continue
		}
		// Some engines also write the type of the file into the mode.
		entry := file{path: strings.Trim(header.Name, "/"), mode: header.Mode & 0o7777, owner: header.Uid}
		if header.Gid != header.Uid {
			return nil, fmt.Errorf("%s belongs to user %d but group %d", header.Name, header.Uid, header.Gid)
		}
		switch header.Typeflag {
		case tar.TypeDir:
		case tar.TypeReg:
			if entry.body, err = io.ReadAll(reader); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("%s is neither a file nor a folder", header.Name)
		}
		have[entry.path] = entry
	}
}

// String describes an entry without its content.
func (f file) String() string {
	kind := "file"
	if f.body == nil {
		kind = "folder"
	}
	return fmt.Sprintf("a %s of %d with mode %04o", kind, f.owner, f.mode)
}

// checkStatic refuses a program that cannot run in an image without libraries.
func checkStatic(program []byte) error {
	read, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return err
	}
	if read.Machine != elf.EM_X86_64 {
		return fmt.Errorf("the program is for %s", read.Machine)
	}
	if slices.ContainsFunc(read.Progs, func(part *elf.Prog) bool { return part.Type == elf.PT_INTERP }) {
		return errors.New("the program is not static")
	}
	return nil
}
