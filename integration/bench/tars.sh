#!/usr/bin/env bash
# Measures the Tars wire: speed and allocations of the codec, and calls per second of our echo servers and of one of TarsGo.
# Takes no arguments.
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/../lib/common.sh"
no_arguments "$@"
cd "$ROOT"

need cargo 'install Rust 1.95 (https://rustup.rs)'
need go 'install Go (https://go.dev/dl)'
TARSGO_ECHO=$ROOT/target/bench/echo-go
export TARSGO_ECHO
phase 'build the TarsGo echo server' go -C examples/echo-go build -o "$TARSGO_ECHO" .
phase 'build the benchmarks' cargo bench --quiet --locked -p tars --benches --no-run
phase 'codec' cargo bench --quiet --locked -p tars --bench codec
phase 'echo servers' cargo bench --quiet --locked -p tars --bench echo
