#!/usr/bin/env bash
# Runs all benchmarks and prints their figures. Before the output of each benchmark comes its command. Limits on times are only here, not
# in tests. The script takes no arguments; each script in integration/bench runs one part.
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/lib/common.sh"
no_arguments "$@"
cd "$ROOT"

run_benchmark() {
    printf '\n$ %s\n' "$*"
    "$@"
}

need cargo 'install Rust 1.95 (https://rustup.rs)'
need go 'install Go (https://go.dev/dl)'
need_packages gcc libc6-dev
for script in integration/bench/*.sh; do
    run_benchmark "$script"
done
summary
