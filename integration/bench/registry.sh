#!/usr/bin/env bash
# The name service: lookups per second over the Tars protocol and gRPC, their latency, and what each costs the server.
# Takes no arguments.
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/../lib/common.sh"
no_arguments "$@"
cd "$ROOT"

need cargo 'install Rust 1.95 (https://rustup.rs)'
phase 'build the benchmark' cargo bench --quiet --locked -p tarsregistry --bench lookup --no-run
phase 'lookups' cargo bench --quiet --locked -p tarsregistry --bench lookup
