# shellcheck shell=bash
# Paths, messages and requirements that all scripts share. Other scripts source this file.
set -euo pipefail

# shellcheck disable=SC2034 # used by the scripts that source this file
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# Tools that are built from pinned sources, in a folder for each state of their lock files. This folder may be deleted at any time. (`~`
# also works when HOME is not set.)
export TARS_CACHE=${TARS_CACHE:-~/.cache/tars-on-kubernetes}
# State, logs and kubeconfig of the local cluster.
export TARS_CLUSTER_DIR=${TARS_CLUSTER_DIR:-/var/lib/tars-cluster}

PHASES=()
STARTED=$SECONDS

# phase WHAT COMMAND…: prints WHAT, runs COMMAND and notes how long it takes.
phase() {
    local what=$1 began=$SECONDS
    shift
    printf '\n==> %s\n' "$what"
    "$@"
    PHASES+=("$(printf '%5d s  %s' $((SECONDS - began)) "$what")")
}

# Prints the phases with the time that each took.
summary() {
    printf '\n%s\n' 'Time taken'
    printf '  %s\n' "${PHASES[@]}"
    printf '  %5d s  in all\n' $((SECONDS - STARTED))
}

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# usage "$@": for -h and --help, prints the comment at the top of the script and ends. The comment says what the script does, and which
# arguments and variables it takes. A script calls this first, before any `cd`.
usage() {
    case ${1:-} in
        -h | --help)
            awk 'NR > 1 && (!/^#/ || /^# shellcheck /) { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
            exit 0
            ;;
    esac
}

# no_arguments "$@": does the same for a script without arguments, and refuses arguments.
no_arguments() {
    usage "$@"
    (($# == 0)) || misuse 'takes no arguments'
}

# misuse TEXT: prints what is wrong with the arguments, and ends with exit code 2.
misuse() {
    printf 'error: %s %s; see --help\n' "${0##*/}" "$*" >&2
    exit 2
}

# need COMMAND REMEDY: fails when COMMAND is not installed.
need() {
    command -v "$1" >/dev/null || fail "$1 is not installed; $2"
}

# run_without_services COMMAND…: runs a command that installs packages. Debian would start the services of the packages; only their
# programs are needed, so a policy forbids that while the command runs.
run_without_services() {
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

# need_packages PACKAGE…: installs the Debian packages that are missing. Where that is not possible, fails and names them.
need_packages() {
    local missing=() package log
    for package in "$@"; do
        [[ $(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
    ((${#missing[@]} > 0)) || return 0
    if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
        fail "some packages are not installed: ${missing[*]} (these are the names in Debian); install them, or run this as root on Debian"
    fi
    echo "installing ${missing[*]}"
    log=$(mktemp)
    # The lists on the machine are often new enough.
    apt-get update >"$log" 2>&1 || true
    if ! run_without_services apt-get install --yes --no-install-recommends "${missing[@]}" >>"$log" 2>&1; then
        tail -n 15 "$log" >&2
        fail "apt-get could not install ${missing[*]}; the end of its output is above"
    fi
    rm -f "$log"
}
