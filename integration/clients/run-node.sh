#!/usr/bin/env bash
# Runs the @tars/rpc client, for which it installs the packages of package-lock.json first; see README.md. With --prepare it only
# installs.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
if [ ! -e "$here/node/node_modules/.package-lock.json" ] ||
    [ "$here/node/package-lock.json" -nt "$here/node/node_modules/.package-lock.json" ]; then
    command -v npm >/dev/null || {
        if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
            echo "run-node.sh: npm is missing; install Node.js 18 or newer with npm" >&2
            exit 64
        fi
        { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends nodejs npm; } >&2
    }
    # Tests run several clients at a time; the second finds the packages there.
    # The inner shell expands its own arguments.
    # shellcheck disable=SC2016
    flock "$here/node/package.json" sh -c '[ -e "$1/node_modules/.package-lock.json" ] && [ ! "$1/package-lock.json" -nt "$1/node_modules/.package-lock.json" ] ||
        npm --prefix "$1" ci --ignore-scripts --no-audit --no-fund --loglevel=error' sh "$here/node" >&2
    touch "$here/node/node_modules/.package-lock.json"
fi
[ "${1:-}" != --prepare ] || exit 0
# The library warns of a circular import of its own.
exec node --no-warnings "$here/node/client.js" "$@"
