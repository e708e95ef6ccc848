package main

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
)

const dockerfileHead = `# syntax=docker/dockerfile:1
# Generated from components.go by "integration/images/build.sh dockerfile"; a test fails when they differ.
#
# Builds the images with a container engine (BuildKit, Podman or Buildah). Each component is a stage:
#   docker build --platform linux/amd64 -f integration/images/Dockerfile --target tarscontroller -t tarscontroller .
# The build arguments VERSION and REVISION become labels.

FROM rust:1.95-bookworm AS rust
WORKDIR /tars
COPY . .
ENV RUSTFLAGS="%[6]s"
# Cargo builds again only sources that are newer than its output. These sources have the times of a checkout or of an archive, and other
# builds may have left newer output in the cache. So touch makes all sources new.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked --mount=type=cache,target=/tars/target,sharing=locked \
    find . -path ./target -prune -o -type f -exec touch {} + && \
    cargo build --release --locked --target %[1]s %[2]s && \
    mkdir /out && cp %[3]s /out/

FROM golang:1.26-bookworm AS go
WORKDIR /tars
COPY . .
ENV CGO_ENABLED=0
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    mkdir /out%[4]s

FROM debian:bookworm-slim AS base
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates
RUN mkdir -p /base/etc/ssl/certs /base/tmp /empty && chmod 1777 /base/tmp && \
    cp /etc/ssl/certs/ca-certificates.crt /base/etc/ssl/certs/ && \
    printf 'root:x:0:0:root:/:/sbin/nologin\ntars:x:%[5]d:%[5]d:tars:/:/sbin/nologin\n' > /base/etc/passwd && \
    printf 'root:x:0:\ntars:x:%[5]d:\n' > /base/etc/group && \
    printf 'hosts: files dns\n' > /base/etc/nsswitch.conf
`

// renderDockerfile describes the same images for a container engine.
func renderDockerfile() string {
	var packages, programs []string
	var goBuilds strings.Builder
	for _, c := range components() {
		switch {
		case c.extra:
		case c.toolchain == rust:
			packages = append(packages, "--package "+c.source)
			programs = append(programs, path.Join("target", target, "release", c.program))
		case c.toolchain == golang:
			fmt.Fprintf(&goBuilds, " && \\\n    cd /tars/%s && go build -trimpath -buildvcs=false -ldflags '%s' -o /out/%s .",
				c.source, linkerFlags, c.name)
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, dockerfileHead, target, strings.Join(packages, " "), strings.Join(programs, " "), goBuilds.String(), nobody,
		rustFlags("/tars", "/usr/local/cargo"))
	for _, c := range components() {
		if !c.extra {
			text.WriteString(c.renderStage())
		}
	}
	return text.String()
}

// renderStage renders the stage of a component. It does what listFiles and assemble do for an archive.
func (c component) renderStage() string {
	var text strings.Builder
	fmt.Fprintf(&text, "\nFROM scratch AS %s\nCOPY --from=base /base /\n", c.name)
	program := c.program
	if c.toolchain == golang {
		program = c.name
	}
	fmt.Fprintf(&text, "COPY --from=%s --chmod=0755 /out/%s %s\n", c.toolchain, program, c.path)
	for _, folder := range c.owned {
		// --chown also applies to parent folders that COPY makes, but those must belong to root. So they are made first.
		fmt.Fprintf(&text, "COPY --from=base /empty %s/\n", path.Dir(folder))
		fmt.Fprintf(&text, "COPY --from=base --chown=%d:%d /empty %s\n", c.user, c.user, folder)
	}
	fmt.Fprintf(&text, "ENV PATH=%s\n", path.Dir(c.path))
	for _, variable := range c.env {
		fmt.Fprintf(&text, "ENV %s\n", variable)
	}
	fmt.Fprintf(&text, "ARG VERSION=unknown REVISION=unknown\n")
	fmt.Fprintf(&text, "LABEL org.opencontainers.image.title=%q \\\n    org.opencontainers.image.description=%q \\\n", c.title, c.about)
	fmt.Fprintf(&text, "    org.opencontainers.image.version=$VERSION org.opencontainers.image.revision=$REVISION \\\n")
	fmt.Fprintf(&text, "    org.opencontainers.image.licenses=\"Apache-2.0\"\n")
	fmt.Fprintf(&text, "USER %d:%d\nWORKDIR /\n", c.user, c.user)
	// A list of strings looks the same in JSON and in a Dockerfile. Encoding strings cannot fail.
	entrypoint, _ := json.Marshal(c.entrypoint)
	fmt.Fprintf(&text, "ENTRYPOINT %s\n", entrypoint)
	return text.String()
}
