#!/usr/bin/env bash
# Runs the checks and tests. Installs what it needs on a fresh Debian.
#
#   integration/test.sh         all of them
#   integration/test.sh lint    formatting, clippy, shellcheck, licences
#   integration/test.sh unit    the tests that need no cluster
#   integration/test.sh e2e     the tests on a real cluster
#
#   KUBECONFIG        the cluster to use; without it the local one, which is started
#   TARS_IMAGE_LOAD   how images get into another cluster, see integration/cluster/load-images.sh
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/lib/common.sh"
usage "$@"
[[ $# -le 1 && ${1:-all} =~ ^(all|lint|unit|e2e)$ ]] || misuse "takes lint, unit or e2e, not '$*'"
cd "$ROOT"

CARGO_DENY=0.20.2

cargo_deny() {
    local root=$TARS_CACHE/tools/cargo-deny-$CARGO_DENY
    if [ ! -x "$root/bin/cargo-deny" ]; then
        echo "building cargo-deny $CARGO_DENY (once)"
        # Without optimisation it builds in half the time and still checks this tree in seconds. A target folder of its own keeps
        # its dependencies out of ours.
        CARGO_TARGET_DIR=$root/target cargo install --quiet --debug --locked --no-default-features --root "$root" "cargo-deny@$CARGO_DENY"
        rm -rf "$root/target"
    fi
    "$root/bin/cargo-deny" --log-level error check bans licenses sources
}

formatted() {
    cargo fmt --check
    local unformatted
    unformatted=$(git ls-files '*.go' | xargs -r gofmt -l)
    [ -z "$unformatted" ] || fail "gofmt: $unformatted"
}

scripts() {
    need_packages shellcheck
    git ls-files '*.sh' .ci/run | xargs shellcheck -x -P "$ROOT"
}

clippy() {
    cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
}

unit_tests() {
    cargo test --workspace --exclude e2e --locked --quiet
}

go_programs() {
    local module
    for module in $(git ls-files 'examples/*/go.mod' 'integration/clients/*/go.mod' 'integration/images/go.mod' 'integration/images/*/go.mod'); do
        (cd "$(dirname "$module")" && go vet ./... && go test ./...)
    done
}

charts() {
    integration/tools/build.sh helm
    HELM=$(integration/tools/build.sh --dir helm)/helm helm/check.sh
}

deploy() {
    # What tests run in pods; the demo does without it.
    integration/images/build.sh --quiet probe
    integration/deploy.sh
}

# The cluster scripts themselves, in name spaces of their own beside whatever runs.
cluster_scripts() {
    integration/cluster/test.sh
}

# Named one by one, of the whole workspace: `--package e2e` alone asks for fewer features of the dependencies, and cargo would
# compile those once more that the unit tests have used.
end_to_end() {
    local test tests=()
    eval "$(integration/cluster/env.sh)"
    for test in integration/e2e/tests/*.rs; do
        tests+=(--test "$(basename "$test" .rs)")
    done
    cargo test --workspace "${tests[@]}" --locked --no-fail-fast
}

lint() {
    phase 'formatting' formatted
    phase 'shell scripts' scripts
    phase 'clippy' clippy
    phase 'licences, bans, sources' cargo_deny
}

unit() {
    phase 'unit, property and golden tests' unit_tests
    phase 'Go programs' go_programs
    phase 'charts' charts
}

e2e() {
    phase 'cluster scripts' cluster_scripts
    phase 'a cluster with both charts' deploy
    phase 'end-to-end tests' end_to_end
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
