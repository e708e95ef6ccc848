// Command pack writes a container image of one layer as a tar that containerd and docker load, without a container engine.
//
// The same inputs give the same bytes: files are sorted, times are zero, and nothing of this machine gets in.
package main

import (
	"archive/tar"
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// list collects a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func main() {
	var files, directories, environment, labels, entrypoint list
	reference := flag.String("name", "", "image reference, with tag")
	out := flag.String("out", "", "tar to write")
	user := flag.String("user", "65532:65532", "numeric user and group")
	directory := flag.String("workdir", "/", "working directory")
	flag.Var(&files, "file", "SOURCE=TARGET[=MODE], mode in octal, 755 by default; repeatable")
	flag.Var(&directories, "directory", "TARGET, a directory owned by --user; repeatable")
	flag.Var(&environment, "env", "NAME=VALUE; repeatable")
	flag.Var(&labels, "label", "NAME=VALUE; repeatable")
	flag.Var(&entrypoint, "entrypoint", "one word of the entrypoint; repeatable")
	flag.Parse()
	if err := pack(*reference, *out, *user, *directory, files, directories, environment, labels, entrypoint); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func pack(reference, out, user, directory string, files, directories, environment, labels, entrypoint []string) error {
	tag, err := name.NewTag(reference, name.StrictValidation)
	if err != nil {
		return err
	}
	content, err := layer(user, files, directories)
	if err != nil {
		return err
	}
	packed, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil })
	if err != nil {
		return err
	}
	image, err := mutate.AppendLayers(empty.Image, packed)
	if err != nil {
		return err
	}
	config := &v1.ConfigFile{
		Architecture: "amd64",
		OS:           "linux",
		Config: v1.Config{
			User: user, WorkingDir: directory, Entrypoint: entrypoint, Labels: map[string]string{},
			Env: append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, environment...),
		},
		Created: v1.Time{Time: time.Unix(0, 0).UTC()},
	}
	for _, label := range labels {
		key, value, _ := strings.Cut(label, "=")
		config.Config.Labels[key] = value
	}
	built, err := image.ConfigFile()
	if err != nil {
		return err
	}
	config.RootFS, config.History = built.RootFS, []v1.History{{Created: config.Created, CreatedBy: "integration/images/pack"}}
	image, err = mutate.ConfigFile(image, config)
	if err != nil {
		return err
	}
	return tarball.WriteToFile(out, tag, image)
}

// layer makes the tar of the file system: the files, their parent directories, accounts for the user.
func layer(user string, files, directories []string) ([]byte, error) {
	uid, gid, err := ids(user)
	if err != nil {
		return nil, err
	}
	entries := map[string]*entry{}
	add := func(target string, e *entry) {
		for parent := path.Dir(target); parent != "/"; parent = path.Dir(parent) {
			if entries[parent] == nil {
				entries[parent] = &entry{header: tar.Header{Typeflag: tar.TypeDir, Mode: 0o755}}
			}
		}
		entries[target] = e
	}
	add("/etc/passwd", text(fmt.Sprintf("root:x:0:0:root:/:/sbin/nologin\nnonroot:x:%d:%d:nonroot:/:/sbin/nologin\n", max(uid, 65532), max(gid, 65532))))
	add("/etc/group", text(fmt.Sprintf("root:x:0:\nnonroot:x:%d:\n", max(gid, 65532))))
	add("/tmp", &entry{header: tar.Header{Typeflag: tar.TypeDir, Mode: 0o1777}})
	for _, target := range directories {
		add(path.Clean(target), &entry{header: tar.Header{Typeflag: tar.TypeDir, Mode: 0o755, Uid: uid, Gid: gid}})
	}
	for _, file := range files {
		parts := strings.Split(file, "=")
		if len(parts) < 2 {
			return nil, fmt.Errorf("--file %q is not SOURCE=TARGET", file)
		}
		mode := int64(0o755)
		if len(parts) > 2 {
			if mode, err = strconv.ParseInt(parts[2], 8, 64); err != nil {
				return nil, err
			}
		}
		content, err := os.ReadFile(parts[0])
		if err != nil {
			return nil, err
		}
		add(path.Clean(parts[1]), &entry{header: tar.Header{Typeflag: tar.TypeReg, Mode: mode, Size: int64(len(content))}, content: content})
	}
	return write(entries)
}

type entry struct {
	header  tar.Header
	content []byte
}

func text(content string) *entry {
	return &entry{header: tar.Header{Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))}, content: []byte(content)}
}

func write(entries map[string]*entry) ([]byte, error) {
	targets := make([]string, 0, len(entries))
	for target := range entries {
		targets = append(targets, target)
	}
	sort.Strings(targets)
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	for _, target := range targets {
		e := entries[target]
		e.header.Name = strings.TrimPrefix(target, "/")
		if e.header.Typeflag == tar.TypeDir {
			e.header.Name += "/"
		}
		e.header.ModTime = time.Unix(0, 0)
		if err := writer.WriteHeader(&e.header); err != nil {
			return nil, err
		}
		if _, err := writer.Write(e.content); err != nil {
			return nil, err
		}
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

func ids(user string) (int, int, error) {
	var uid, gid int
	if _, err := fmt.Sscanf(user, "%d:%d", &uid, &gid); err != nil {
		return 0, 0, fmt.Errorf("--user %q is not UID:GID", user)
	}
	return uid, gid, nil
}
