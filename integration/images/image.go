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

// release holds the facts that all images of one build share.
type release struct {
	// version is the version of the workspace with a leading v. It is also the tag.
	version string
	// revision is the commit, with "-dirty" when tracked files differ from it. It is empty outside a repository.
	revision string
	license  string
	// created is the time of the commit, so that the same commit gives the same image.
	created time.Time
	// certificates are the root certificates that TLS clients trust, in PEM.
	certificates []byte
}

// file is an entry of the file system of an image. Its path is relative to the root. A folder has a nil body.
type file struct {
	path  string
	body  []byte
	mode  int64
	owner int
}

// listFiles lists the whole file system of the image of a component. Each folder comes before its content.
func (c component) listFiles(program []byte, certificates []byte) []file {
	list := []file{
		{path: "etc/passwd", mode: 0o644, body: fmt.Appendf(nil,
			"root:x:0:0:root:/:/sbin/nologin\ntars:x:%d:%d:tars:/:/sbin/nologin\n", nobody, nobody)},
		{path: "etc/group", mode: 0o644, body: fmt.Appendf(nil, "root:x:0:\ntars:x:%d:\n", nobody)},
		// Static programs with glibc read this file before they ask the name servers of the pod.
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

// withParents adds the parent folders of the entries, and sorts all of them, so that equal content gives an equal layer.
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

// writeTar writes the entries as a tar archive. All times are zero, because an image should not depend on the age of its files.
func writeTar(list []file) ([]byte, error) {
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

// buildLabels sets those annotations of the OCI image specification that apply.
func (c component) buildLabels(of release) map[string]string {
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

// assemble makes the image of a component from its program: one layer and the configuration.
func (c component) assemble(program []byte, of release) (v1.Image, error) {
	content, err := writeTar(c.listFiles(program, of.certificates))
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(openBytes(content))
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
		Labels:     c.buildLabels(of),
	}
	return mutate.ConfigFile(image, described)
}

// save writes the image as an archive for `ctr images import` and `docker load`. It never leaves a part of an archive.
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
