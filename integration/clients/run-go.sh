#!/bin/sh
# Runs the TarsGo client, which it builds when something changed; see README.md. With --prepare it only builds.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
program=$here/../../target/clients/tars-client
if [ "${1:-}" = --prepare ] || [ ! -x "$program" ]; then
    mkdir -p "$(dirname "$program")"
    # Tests run several clients at a time. (go.mod is no lock: go locks it itself.)
    cd "$here/go"
    CGO_ENABLED=0 flock "$here/go/main.go" go build -trimpath -ldflags '-s -w' -o "$program" .
    [ "${1:-}" != --prepare ] || exit 0
fi
exec "$program" "$@"
