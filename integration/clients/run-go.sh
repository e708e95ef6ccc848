#!/bin/sh
# Builds the TarsGo client if it is not built yet, and runs it; see README.md. With --prepare it only builds.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
program=$here/../../target/clients/tars-client
if [ "${1:-}" = --prepare ] || [ ! -x "$program" ]; then
    mkdir -p "$(dirname "$program")"
    # Tests run several clients at the same time. (The lock is not go.mod, because go itself locks that file.)
    cd "$here/go"
    CGO_ENABLED=0 flock "$here/go/main.go" go build -trimpath -ldflags '-s -w' -o "$program" .
    [ "${1:-}" != --prepare ] || exit 0
fi
exec "$program" "$@"
