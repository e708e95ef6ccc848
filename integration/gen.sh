#!/usr/bin/env bash
# Writes the files that are generated from the code and checked in. `make lint` fails when one of them is not what the code says.
# Takes no arguments.
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/lib/common.sh"
no_arguments "$@"
cd "$ROOT"
cargo run --quiet --locked -p reference
# The messages of conditions come from the checks themselves, which only a test of the controller can run.
UPDATE_EXPECT=1 cargo test --quiet --locked -p tarscontroller --lib the_page_of_conditions >/dev/null
