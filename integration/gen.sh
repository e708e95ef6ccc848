#!/usr/bin/env bash
# Writes the generated files that are checked in. A test fails when such a file does not match its source.
# The script takes no arguments.
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/lib/common.sh"
no_arguments "$@"
cd "$ROOT"
cargo run --quiet --locked -p tarscontroller -- crd --chart >helm/tarscontroller/charts/crds/templates/crds.yaml.new
mv helm/tarscontroller/charts/crds/templates/crds.yaml.new helm/tarscontroller/charts/crds/templates/crds.yaml
git --no-pager diff --stat -- helm/tarscontroller/charts/crds
