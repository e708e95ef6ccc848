package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path"
	"sort"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// release is what all images of one build have in common.
type release struct {
	// version is the workspace's, with a leading v; also the tag.
	version string
	// revision is the commit, with "-dirty" when tracked files differ from it; empty outside a repository.
	revision string
	license  string
	// created is the commit's time, so that the same commit gives the same image.
	created time.Time
	// certificates are the roots that TLS clients trust, in PEM.
	certificates []byte
}

// file is an entry of an image's file system. Paths are relative to the root; a nil body means a folder.
type file struct {
	path  string
	body  []byte
	mode  int64
	owner int
}

// files lists the whole file system of a component's image, folders before what is in them.
func (c component) files(program []byte, certificates []byte) []file {
	list := []file{
		{path: "etc/passwd", mode: 0o644, body: fmt.Appendf(nil,
			"root:x:0:0:root:/:/sbin/nologin\ntars:x:%d:%d:tars:/:/sbin/nologin\n", nobody, nobody)},
		{path: "etc/group", mode: 0o644, body: fmt.Appendf(nil, "root:x:0:\ntars:x:%d:\n", nobody)},
		// Static programs of glibc look here before they ask the name servers of the pod.
		{path: "etc/nsswitch.conf", mode: 0o644, body: []byte("hosts: files dns\n")},
		{path: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, body: certificates},
		{path: strings.TrimPrefix(c.path, "/"), mode: 0o755, body: program},
		{path: "tmp", mode: 0o1777},
	}
	for _, folder := range c.owned {
		list = append(list, file{path: strings.TrimPrefix(folder, "/"), mode: 0o755, owner: c.user})
	}
	return withParents(list)
}

// withParents adds the folders that the entries lie in and sorts, so that equal content gives an equal layer.
func withParents(list []file) []file {
	known := make(map[string]bool, len(list))
	for _, entry := range list {
		known[entry.path] = true
	}
	for _, entry := range list {
		for folder := path.Dir(entry.path); folder != "." && !known[folder]; folder = path.Dir(folder) {
			known[folder] = true
			list = append(list, file{path: folder, mode: 0o755})
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].path < list[j].path })
	return list
}

// archive writes the entries as a tar. All times are zero: a file's age says nothing in an image.
func archive(list []file) ([]byte, error) {
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	for _, entry := range list {
		header := tar.Header{
			Typeflag: tar.TypeReg, Name: entry.path, Size: int64(len(entry.body)), Mode: entry.mode,
			Uid: entry.owner, Gid: entry.owner, ModTime: time.Unix(0, 0),
		}
		if entry.body == nil {
			header.Typeflag, header.Name = tar.TypeDir, entry.path+"/"
		}
		if err := writer.WriteHeader(&header); err != nil {
			return nil, fmt.Errorf("write %s: %w", entry.path, err)
		}
		if _, err := writer.Write(entry.body); err != nil {
			return nil, fmt.Errorf("write %s: %w", entry.path, err)
		}
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

// labels are the annotations of the OCI image specification that apply.
func (c component) labels(of release) map[string]string {
	labels := map[string]string{
		"org.opencontainers.image.title":       c.title,
		"org.opencontainers.image.description": c.about,
		"org.opencontainers.image.version":     of.version,
		"org.opencontainers.image.licenses":    of.license,
	}
	if of.revision != "" {
		labels["org.opencontainers.image.revision"] = of.revision
	}
	return labels
}

// assemble makes the image of one component from its program: one layer, and the configuration.
func (c component) assemble(program []byte, of release) (v1.Image, error) {
	content, err := archive(c.files(program, of.certificates))
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(opener(content))
	if err != nil {
		return nil, fmt.Errorf("pack the layer: %w", err)
	}
	image, err := mutate.Append(empty.Image, mutate.Addendum{
		Layer:   layer,
		History: v1.History{Created: v1.Time{Time: of.created}, CreatedBy: "integration/images " + c.name},
	})
	if err != nil {
		return nil, fmt.Errorf("add the layer: %w", err)
	}
	described, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	described = described.DeepCopy()
	described.Architecture, described.OS = "amd64", "linux"
	described.Created = v1.Time{Time: of.created}
	described.Config = v1.Config{
		User:       fmt.Sprintf("%d:%d", c.user, c.user),
		Entrypoint: c.entrypoint,
		Env:        append([]string{"PATH=" + path.Dir(c.path)}, c.env...),
		WorkingDir: "/",
		Labels:     c.labels(of),
	}
	return mutate.ConfigFile(image, described)
}

// save writes the image as an archive for `ctr images import` and `docker load`, all of it or nothing.
func save(image v1.Image, reference, destination string) error {
	tag, err := name.NewTag(reference, name.StrictValidation)
	if err != nil {
		return err
	}
	temporary := destination + ".new"
	if err := tarball.WriteToFile(temporary, tag, image); err != nil {
		return fmt.Errorf("write %s: %w", temporary, err)
	}
	return os.Rename(temporary, destination)
}
