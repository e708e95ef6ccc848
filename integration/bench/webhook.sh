#!/usr/bin/env bash
# Measures the creation of TServers end to end, and the webhook on a cluster with 10,000 TServers: reviews at a steady rate, conversions,
# memory and the start. Takes no arguments.
#
#   KUBECONFIG      the cluster to use; when it is not set, the local cluster, which is started
#   BENCH_SERVERS   the number of TServers   (10000)
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
phase 'build the benchmark' cargo bench --quiet --locked -p tarswebhook --bench reviews --no-run
phase 'creation' cargo bench --quiet --locked -p tarswebhook --bench reviews -- create
# Without a controller the TServers stay alone. Four objects for each of them would slow down the API server, which shares this machine.
phase 'reviews and conversions' without_controller cargo bench --quiet --locked -p tarswebhook --bench reviews
