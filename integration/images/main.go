// Builds the images of Tars on Kubernetes without a container engine, as archives for `ctr images import` and `docker load`.
// build.sh runs this program; see README.md in this folder.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	flags := flag.NewFlagSet("images", flag.ContinueOnError)
	root := flags.String("root", ".", "the root of the repository")
	quiet := flags.Bool("quiet", false, "print only the images that were packed again")
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: build.sh [--quiet] [COMPONENT...]         packs these components, or all but those on request")
		fmt.Fprintln(flags.Output(), "       build.sh list                            lists the components")
		fmt.Fprintln(flags.Output(), "       build.sh dockerfile                      writes Dockerfile from the same table")
		fmt.Fprintln(flags.Output(), "       build.sh compare FOLDER [COMPONENT...]   prints how each FOLDER/COMPONENT.tar, built from Dockerfile, differs")
	}
	if err := flags.Parse(arguments); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	absolute, err := filepath.Abs(*root)
	if err != nil {
		return err
	}
	switch flags.Arg(0) {
	case "list":
		return printComponents(absolute)
	case "dockerfile":
		return os.WriteFile(filepath.Join(absolute, "integration/images/Dockerfile"), []byte(renderDockerfile()), 0o644)
	case "compare":
		if flags.NArg() < 2 {
			return errors.New("compare needs the folder with the archives")
		}
		return compareAll(absolute, flags.Arg(1), flags.Args()[2:])
	default:
		return build(absolute, flags.Args(), *quiet)
	}
}

// chooseComponents finds the components with these names. Without names, it returns all but the extra ones.
func chooseComponents(names []string) ([]component, error) {
	known := make(map[string]component)
	var order, chosen []component
	var all []string
	for _, c := range components() {
		known[c.name] = c
		all = append(all, c.name)
		if !c.extra {
			order = append(order, c)
		}
	}
	for _, name := range names {
		c, found := known[name]
		if !found {
			return nil, fmt.Errorf("there is no component %q; the components are %s", name, strings.Join(all, ", "))
		}
		chosen = append(chosen, c)
	}
	if len(names) == 0 {
		return order, nil
	}
	return chosen, nil
}

func printComponents(root string) error {
	of, err := readRelease(root)
	if err != nil {
		return err
	}
	for _, c := range components() {
		note := ""
		if c.extra {
			note = "  (on request)"
		}
		fmt.Printf("%-16s %s%s\n", c.name, c.reference(of.version), note)
	}
	return nil
}

// chooseRelease finds the components with these names, and reads their release.
func chooseRelease(root string, names []string) ([]component, release, error) {
	wanted, err := chooseComponents(names)
	if err != nil {
		return nil, release{}, err
	}
	of, err := readRelease(root)
	return wanted, of, err
}

func build(root string, names []string, quiet bool) error {
	wanted, of, err := chooseRelease(root, names)
	if err != nil {
		return err
	}
	folder := filepath.Join(targetFolder(root), "images")
	if err := os.MkdirAll(filepath.Join(folder, "programs"), 0o755); err != nil {
		return err
	}
	start := time.Now()
	programs, err := compile(root, wanted)
	if err != nil {
		return err
	}
	if !quiet {
		fmt.Printf("programs compiled in %.1f s\n", time.Since(start).Seconds())
	}
	for _, c := range wanted {
		made, written, err := pack(c, programs[c.name], of, filepath.Join(folder, c.name+".tar"))
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if quiet && !written {
			continue
		}
		state := "unchanged"
		if written {
			state = "packed"
		}
		fmt.Printf("%-14s %-9s %5.1f MB (%5.1f MB unpacked)  %s  %s\n", c.name, state, float64(made.Bytes)/1e6,
			float64(made.Unpacked)/1e6, made.Digest[:19], made.Reference)
	}
	return nil
}
