#!/usr/bin/env bash
# Lets every fault happen at every write and watch event of every story of the controller (services/controller/src/sweep.rs), then pairs of
# faults by chance. Takes no arguments.
#
#   SWEEP_PLANS   the number of plans                                (20000)
#   SWEEP_CHAINS  the number of chains of changes                    (1000)
#   SWEEP_SEED    chooses the order and the pairs                    (1)
#   SWEEP_ONLY    replays the plans whose description has this text, and prints every change
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/lib/common.sh"
no_arguments "$@"
cd "$ROOT"

need cargo 'install Rust 1.95 (https://rustup.rs)'
export SWEEP_PLANS=${SWEEP_PLANS:-20000} SWEEP_CHAINS=${SWEEP_CHAINS:-1000}
phase 'build the sweep' cargo test --quiet --locked --release -p tarscontroller --lib --no-run
# The plans and the chains use all cores, so they run one after the other.
cargo test --quiet --locked --release -p tarscontroller --lib sweep -- --nocapture --test-threads 1
