#!/bin/bash
# Runs the fault sweep of the controller (services/controller/src/sweep.rs): every fault at every write and watch event of every story, then
# pairs of faults by chance. SWEEP_PLANS is the number of plans, SWEEP_SEED chooses the pairs, and SWEEP_ONLY=TEXT replays the plans whose
# description contains TEXT.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export SWEEP_PLANS=${SWEEP_PLANS:-20000}
exec cargo test --quiet --locked --release -p tarscontroller --lib sweep -- --nocapture
