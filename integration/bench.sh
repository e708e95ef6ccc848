#!/usr/bin/env bash
# Prints every figure: each benchmark is one command, named before its output. Timed limits live here, not in tests.
# Takes no arguments; the scripts in integration/bench run one part each.
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/lib/common.sh"
no_arguments "$@"
cd "$ROOT"

bench() {
    printf '\n$ %s\n' "$*"
    "$@"
}

need cargo 'install Rust 1.95 (https://rustup.rs)'
need go 'install Go (https://go.dev/dl)'
need_packages gcc libc6-dev
for script in integration/bench/*.sh; do
    bench "$script"
done
summary
