#!/usr/bin/env bash
# Builds the images as archives, target/images/COMPONENT.tar; see README.md beside this file.
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/../lib/common.sh"

need go 'images are packed, and some of their programs built, with it (go 1.26 or newer)'
[[ -e /etc/ssl/certs/ca-certificates.crt ]] || need_packages ca-certificates
mkdir -p "$TARS_CACHE"
packer=$TARS_CACHE/pack-images
# A second's part when nothing changed; Go keeps what it compiled.
(cd "$ROOT/integration/images" && CGO_ENABLED=0 GOFLAGS='' go build -trimpath -buildvcs=false -mod=readonly -o "$packer" .)
exec "$packer" --root "$ROOT" "$@"
