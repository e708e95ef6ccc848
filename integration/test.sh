#!/usr/bin/env bash
# Runs the checks and tests. On Debian it installs the packages that it needs.
#
#   integration/test.sh         all of them
#   integration/test.sh lint    formatting, clippy, shellcheck, rustdoc, citations, links, imports, generated files, licences
#   integration/test.sh unit    the tests that need no cluster
#   integration/test.sh e2e     the tests on a real cluster
#
#   KUBECONFIG        the cluster to use; when it is not set, the local cluster, which is started
#   TARS_IMAGE_LOAD   the command that loads images into another cluster, see integration/cluster/load-images.sh
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/lib/common.sh"
usage "$@"
[[ $# -le 1 && ${1:-all} =~ ^(all|lint|unit|e2e)$ ]] || misuse "takes lint, unit or e2e, not '$*'"
cd "$ROOT"

CARGO_DENY=0.20.2

check_dependencies() {
    local root=$TARS_CACHE/tools/cargo-deny-$CARGO_DENY
    if [ ! -x "$root/bin/cargo-deny" ]; then
        echo "building cargo-deny $CARGO_DENY (once)"
        # Without optimization it builds in half the time, and still needs only seconds for this repository. It has a target folder of
        # its own, so its dependencies do not get into ours.
        CARGO_TARGET_DIR=$root/target cargo install --quiet --debug --locked --no-default-features --root "$root" "cargo-deny@$CARGO_DENY"
        rm -rf "$root/target"
    fi
    "$root/bin/cargo-deny" --log-level error check bans licenses sources
}

check_formatting() {
    cargo fmt --check
    local unformatted
    unformatted=$(git ls-files '*.go' | xargs -r gofmt -l)
    [ -z "$unformatted" ] || fail "gofmt: $unformatted"
}

check_scripts() {
    need_packages shellcheck
    git ls-files '*.sh' .ci/run | xargs shellcheck -x -P "$ROOT"
}

run_clippy() {
    cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
}

build_documentation() {
    RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked --quiet
}

# Citations, links, imports (integration/lint) and the generated files (integration/reference and a test of the controller). Built for the
# whole workspace, so that the unit tests need no other build of the dependencies.
check_checkout() {
    cargo test --workspace --exclude e2e --locked --quiet --lib --test checkout --test generated -- \
        the_checkout_has_no_problem every_generated_file the_page_of_conditions
}

run_unit_tests() {
    cargo test --workspace --exclude e2e --locked --quiet
}

test_go_programs() {
    local module
    for module in $(git ls-files 'examples/*/go.mod' 'integration/clients/*/go.mod' 'integration/images/go.mod' 'integration/images/*/go.mod'); do
        (cd "$(dirname "$module")" && go vet ./... && go test ./...)
    done
}

check_charts() {
    integration/tools/build.sh helm
    HELM=$(integration/tools/build.sh --dir helm)/helm helm/check.sh
}

deploy() {
    # Some tests run this image in pods. The demo does not need it.
    integration/images/build.sh --quiet probe
    integration/deploy.sh
}

# Tests the scripts of the local cluster. The test has name spaces of its own, so a cluster may run at the same time.
test_cluster_scripts() {
    integration/cluster/test.sh
}

# Names the tests one by one and builds them for the whole workspace. With `--package e2e` the dependencies would have fewer features
# than in the unit tests, and cargo would compile them again.
run_end_to_end_tests() {
    local test tests=()
    eval "$(integration/cluster/env.sh)"
    for test in integration/e2e/tests/*.rs; do
        tests+=(--test "$(basename "$test" .rs)")
    done
    cargo test --workspace "${tests[@]}" --locked --no-fail-fast
}

lint() {
    phase 'formatting' check_formatting
    phase 'shell scripts' check_scripts
    phase 'clippy' run_clippy
    phase 'documentation of the crates' build_documentation
    phase 'citations, links, imports, generated files' check_checkout
    phase 'licences, bans, sources' check_dependencies
}

unit() {
    phase 'unit, property and golden tests' run_unit_tests
    phase 'Go programs' test_go_programs
    phase 'charts' check_charts
}

e2e() {
    phase 'cluster scripts' test_cluster_scripts
    phase 'a cluster with both charts' deploy
    phase 'end-to-end tests' run_end_to_end_tests
    # The controllers of the chart are away meanwhile, so this comes last.
    phase 'faults at writes of the real controller' env SWEEP_PLANS=5 integration/sweep-cluster.sh
}

need cargo 'install Rust 1.95 (https://rustup.rs)'
need go 'install Go (https://go.dev/dl)'
need_packages gcc libc6-dev ca-certificates openssl

case ${1:-all} in
    lint | unit | e2e) "$1" ;;
    all)
        lint
        unit
        e2e
        ;;
esac
summary
