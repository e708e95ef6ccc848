# shellcheck shell=bash
# What all scripts share: where things are, how they speak, and what they need. Sourced, never run.
set -euo pipefail

# shellcheck disable=SC2034 # for the scripts that source this
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# Tools built from pinned sources, keyed by their lock files; safe to delete. (The shell knows a home without HOME, too.)
export TARS_CACHE=${TARS_CACHE:-~/.cache/tars-on-kubernetes}
# State, logs and kubeconfig of the local cluster.
export TARS_CLUSTER_DIR=${TARS_CLUSTER_DIR:-/var/lib/tars-cluster}

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

# usage "$@": -h and --help print the comment at the head of the script, which says what it does, takes and reads. Comes before
# any `cd` and before anything is done.
usage() {
    case ${1:-} in
        -h | --help)
            awk 'NR > 1 && (!/^#/ || /^# shellcheck /) { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
            exit 0
            ;;
    esac
}

# no_arguments "$@": the same for a script that takes none.
no_arguments() {
    usage "$@"
    (($# == 0)) || misuse 'takes no arguments'
}

# misuse TEXT: refuses arguments that the script does not take.
misuse() {
    printf 'error: %s %s; see --help\n' "${0##*/}" "$*" >&2
    exit 2
}

# need COMMAND REMEDY: refuses with a sentence when COMMAND is missing.
need() {
    command -v "$1" >/dev/null || fail "$1 is not installed; $2"
}

# Debian starts the services it installs; here programs are wanted, not services, so starting them is forbidden meanwhile.
without_services() {
    local policy=/usr/sbin/policy-rc.d made='' status=0
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        made=yes
    fi
    DEBIAN_FRONTEND=noninteractive "$@" || status=$?
    [[ -z $made ]] || rm -f "$policy"
    return "$status"
}

# need_packages PACKAGE…: Debian packages that are missing get installed; others are told what to install.
need_packages() {
    local missing=() package log
    for package in "$@"; do
        [[ $(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
    ((${#missing[@]} > 0)) || return 0
    if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
        fail "missing packages: ${missing[*]} (names as in Debian); install them, or run as root on Debian"
    fi
    echo "installing ${missing[*]}"
    log=$(mktemp)
    # Lists that are not quite up to date will often do.
    apt-get update >"$log" 2>&1 || true
    if ! without_services apt-get install --yes --no-install-recommends "${missing[@]}" >>"$log" 2>&1; then
        tail -n 15 "$log" >&2
        fail "apt-get could not install ${missing[*]}; its last lines are above"
    fi
    rm -f "$log"
}
