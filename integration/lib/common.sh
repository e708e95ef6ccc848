# shellcheck shell=bash
# What the scripts share: where things are, how they speak, and how they wait. Source it; it changes to the repository's root.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export ROOT
cd "$ROOT"

# Tools built from pinned sources, keyed by their lock files; safe to delete.
export TARS_CACHE=${TARS_CACHE:-$HOME/.cache/tars-on-kubernetes}

PHASES=()
STARTED=$SECONDS

# phase WHAT COMMAND…: announces WHAT, runs COMMAND, remembers how long it took.
phase() {
    local what=$1 began=$SECONDS
    shift
    printf '\n==> %s\n' "$what"
    "$@"
    PHASES+=("$(printf '%5d s  %s' $((SECONDS - began)) "$what")")
}

# Prints the phases with their times.
summary() {
    printf '\n%s\n' 'Time taken'
    printf '  %s\n' "${PHASES[@]}"
    printf '  %5d s  in all\n' $((SECONDS - STARTED))
}

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# need COMMAND REMEDY: refuses with a sentence when COMMAND is missing.
need() {
    command -v "$1" >/dev/null || fail "$1 is not installed; $2"
}

# Debian packages that are missing get installed; others are told what to install.
need_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "missing packages: ${missing[*]}; install them, or run as root on Debian"
    fi
    echo "installing ${missing[*]}"
    DEBIAN_FRONTEND=noninteractive apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
