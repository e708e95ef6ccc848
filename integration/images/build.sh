#!/usr/bin/env bash
# Builds the images as archives target/images/COMPONENT.tar; see README.md beside this file.
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/../lib/common.sh"

need go 'install Go 1.26 or newer (https://go.dev/dl), which packs the images and builds some of their programs'
[[ -e /etc/ssl/certs/ca-certificates.crt ]] || need_packages ca-certificates
mkdir -p "$TARS_CACHE"
packer=$TARS_CACHE/pack-images
# This takes a part of a second when nothing has changed, because Go keeps compiled packages.
(cd "$ROOT/integration/images" && CGO_ENABLED=0 GOFLAGS='' go build -trimpath -buildvcs=false -mod=readonly -o "$packer" .)
exec "$packer" --root "$ROOT" "$@"
