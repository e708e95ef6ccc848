#!/usr/bin/env bash
# Builds the images as archives, target/images/COMPONENT.tar; see README.md beside this file.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${TARS_CACHE:-${HOME:?}/.cache/tars-on-kubernetes}

command -v go >/dev/null || {
    echo "error: Go is not installed: images are packed, and some of their programs built, with it (go 1.26 or newer)" >&2
    exit 1
}
if [[ ! -e /etc/ssl/certs/ca-certificates.crt ]]; then
    apt-get update >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install --yes ca-certificates >/dev/null
fi
mkdir -p "$cache"
packer=$cache/pack-images
# A second's part when nothing changed; Go keeps what it compiled.
(cd "$here" && CGO_ENABLED=0 GOFLAGS='' go build -trimpath -buildvcs=false -mod=readonly -o "$packer" .)
exec "$packer" --root "$root" "$@"
