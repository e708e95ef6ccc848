#!/usr/bin/env bash
# Measures the creation of TServers end to end, and the webhook on a cluster with 10,000 TServers: reviews at a steady rate, conversions,
# memory and the start. Takes no arguments.
#
#   KUBECONFIG      the cluster to use; when it is not set, the local cluster, which is started
#   BENCH_SERVERS   the number of TServers   (10000)
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/../lib/common.sh"
no_arguments "$@"
cd "$ROOT"

# Without a controller the TServers stay alone. Four objects for each of them would slow down the API server, which shares this machine.
CONTROLLER=deployment/tars-controller-manger

measure() {
    local replicas
    replicas=$(kubectl get -n tars-system "$CONTROLLER" -o 'jsonpath={.spec.replicas}')
    # shellcheck disable=SC2064 # the number is that of now
    trap "kubectl scale -n tars-system $CONTROLLER --replicas $replicas" EXIT
    kubectl scale -n tars-system "$CONTROLLER" --replicas 0
    cargo bench --quiet --locked -p tarswebhook --bench reviews
}

need cargo 'install Rust 1.95 (https://rustup.rs)'
need go 'install Go (https://go.dev/dl)'
phase 'a cluster with both charts' integration/deploy.sh
eval "$(integration/cluster/env.sh)"
phase 'build the benchmark' cargo bench --quiet --locked -p tarswebhook --bench reviews --no-run
phase 'creation' cargo bench --quiet --locked -p tarswebhook --bench reviews -- create
phase 'reviews and conversions' measure
