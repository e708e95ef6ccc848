#!/usr/bin/env bash
# Measures the controller on a cluster: how long TServers take until everything follows, what each costs the API server, the take-over by
# another instance, and the start with 10,000 TServers. Takes no arguments.
#
#   KUBECONFIG      the cluster to use; when it is not set, the local cluster, which is started
#   BENCH_SERVERS   the number of TServers of the start   (10000)
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/../lib/common.sh"
# shellcheck source=integration/lib/controller.sh
source "$(dirname "$0")/../lib/controller.sh"
no_arguments "$@"
cd "$ROOT"

need cargo 'install Rust 1.95 (https://rustup.rs)'
need go 'install Go (https://go.dev/dl)'
phase 'a cluster with both charts' integration/deploy.sh
eval "$(integration/cluster/env.sh)"
phase 'build the benchmark' cargo bench --quiet --locked -p tarscontroller --bench servers --no-run
# The benchmark runs controllers of its own.
phase 'servers' without_controller cargo bench --quiet --locked -p tarscontroller --bench servers
