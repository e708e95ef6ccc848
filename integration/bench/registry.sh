#!/usr/bin/env bash
# Measures the name service: lookups per second over the Tars protocol and over gRPC, their latency, and the CPU time of each.
# Takes no arguments.
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/../lib/common.sh"
no_arguments "$@"
cd "$ROOT"

need cargo 'install Rust 1.95 (https://rustup.rs)'
phase 'build the benchmark' cargo bench --quiet --locked -p tarsregistry --bench lookup --no-run
phase 'lookups' cargo bench --quiet --locked -p tarsregistry --bench lookup
