#!/usr/bin/env bash
# Measures the controller on a cluster: how long TServers take until everything follows, what each costs the API server, the take-over by
# another instance, and the start with 10,000 TServers. Takes no arguments.
#
#   KUBECONFIG      the cluster to use; when it is not set, the local cluster, which is started
#   BENCH_SERVERS   the number of TServers of the start   (10000)
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/../lib/common.sh"
no_arguments "$@"
cd "$ROOT"

# The benchmark runs controllers of its own.
CONTROLLER=deployment/tars-controller-manger

measure() {
    local replicas
    replicas=$(kubectl get -n tars-system "$CONTROLLER" -o 'jsonpath={.spec.replicas}')
    # shellcheck disable=SC2064 # the number is that of now
    trap "kubectl scale -n tars-system $CONTROLLER --replicas $replicas" EXIT
    kubectl scale -n tars-system "$CONTROLLER" --replicas 0
    kubectl wait -n tars-system pods -l tars.io/Controller=true --for=delete --timeout=60s
    cargo bench --quiet --locked -p tarscontroller --bench servers
}

need cargo 'install Rust 1.95 (https://rustup.rs)'
need go 'install Go (https://go.dev/dl)'
phase 'a cluster with both charts' integration/deploy.sh
eval "$(integration/cluster/env.sh)"
phase 'build the benchmark' cargo bench --quiet --locked -p tarscontroller --bench servers --no-run
phase 'servers' measure
