#!/usr/bin/env bash
# Installs the packages of package-lock.json if needed, and runs the @tars/rpc client; see README.md.
#
#   run-node.sh [--object SERVANT] [--calls N] [--concurrency N] [--locator PROXY] [--wait SECONDS] [--json]
#   run-node.sh --prepare    only installs
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/../lib/common.sh"
usage "$@"

here=$(cd "$(dirname "$0")" && pwd)
if [ ! -e "$here/node/node_modules/.package-lock.json" ] ||
    [ "$here/node/package-lock.json" -nt "$here/node/node_modules/.package-lock.json" ]; then
    # Node.js 18 or newer. Only the client writes to standard output.
    command -v npm >/dev/null || need_packages nodejs npm >&2
    # Tests run several clients at the same time. The second one waits, and finds the packages installed.
    # The inner shell expands its own arguments.
    # shellcheck disable=SC2016
    flock "$here/node/package.json" sh -c '[ -e "$1/node_modules/.package-lock.json" ] && [ ! "$1/package-lock.json" -nt "$1/node_modules/.package-lock.json" ] ||
        npm --prefix "$1" ci --ignore-scripts --no-audit --no-fund --loglevel=error' sh "$here/node" >&2
    touch "$here/node/node_modules/.package-lock.json"
fi
[ "${1:-}" != --prepare ] || exit 0
# The library has a circular import, of which node warns.
exec node --no-warnings "$here/node/client.js" "$@"
