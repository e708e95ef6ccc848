#!/usr/bin/env bash
# Runs a sample of the fault sweep with the real controller behind a proxy before a real API server
# (services/controller/tests/faults). Takes no arguments. The controllers of the chart are away meanwhile.
#
#   KUBECONFIG    the cluster to use, with both charts; when it is not set, the local cluster
#   SWEEP_PLANS   the number of plans     (40)
#   SWEEP_SEED    chooses the plans       (1)
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/lib/common.sh"
# shellcheck source=integration/lib/controller.sh
source "$(dirname "$0")/lib/controller.sh"
no_arguments "$@"
cd "$ROOT"

need cargo 'install Rust 1.95 (https://rustup.rs)'
eval "$(integration/cluster/env.sh)"
cargo test --quiet --locked -p tarscontroller --test faults --no-run
without_controller cargo test --quiet --locked -p tarscontroller --test faults -- --ignored --nocapture
