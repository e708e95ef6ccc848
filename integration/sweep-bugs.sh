#!/usr/bin/env bash
# Shows that the fault sweep finds what it must: plants each known bug of integration/sweep-bugs into a copy of the checkout, and runs the sweep
# there until it finds something: the plan that the file names, or else all of them by chance. Fails if a bug is not found, or does not compile.
#
#   integration/sweep-bugs.sh [NAME…]   only these bugs, by the names of their files
#
#   SWEEP_PLANS   the number of plans after which a bug counts as not found   (6000)
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/lib/common.sh"
usage "$@"
cd "$ROOT"

need cargo 'install Rust 1.95 (https://rustup.rs)'
need git 'apt-get install git'
export SWEEP_PLANS=${SWEEP_PLANS:-6000} SWEEP_FIRST=1
tree=$TARS_CACHE/sweep-bugs
log=$tree/log

# The copy is outside of the checkout, because `git apply` would take its paths for those of the checkout.
copy_checkout() {
    mkdir -p "$tree"
    find "$tree" -mindepth 1 -maxdepth 1 ! -name target -exec rm -rf {} +
    git ls-files -z | xargs -0 cp --parents -t "$tree"
}

run_sweep() {
    cargo test --quiet --locked --manifest-path "$tree/Cargo.toml" --target-dir "$tree/target" -p tarscontroller --lib "$@" >"$log" 2>&1
}

# try_bug PATCH: prints how the sweep took the bug.
try_bug() {
    git -C "$tree" apply "$1" || fail "${1##*/} does not apply any more; write it anew"
    run_sweep --no-run || { tail -30 "$log" >&2; fail "the bug ${1##*/} does not compile"; }
    local began=$SECONDS found=no plan
    plan=$(sed -n 's/^Plan: //p' "$1")
    SWEEP_ONLY=$plan run_sweep whatever_goes_wrong -- --nocapture || found=$(grep -m1 -oE '^[a-z][^/]* / [^:]*: [a-z \[].{0,100}|the story .*' "$log" || true)
    git -C "$tree" apply -R "$1"
    [[ $found != no ]] || { printf 'NOT FOUND  %s\n' "${1##*/}"; return 1; }
    [[ -n $found ]] || { tail -30 "$log" >&2; fail "the sweep ended with ${1##*/}, but not by a divergence"; }
    printf 'found      %-60s after %3d s: %s\n' "${1##*/}" $((SECONDS - began)) "$found"
}

copy_checkout
phase 'the checkout without bugs' run_sweep --no-run
missed=0
for name in "${@:-*}"; do
    for patch in integration/sweep-bugs/${name%.patch}.patch; do
        try_bug "$ROOT/$patch" || missed=$((missed + 1))
    done
done
((missed == 0)) || fail "$missed bugs were not found"
