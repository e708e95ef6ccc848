#!/usr/bin/env bash
# Builds the programs of the local cluster from their pinned Go modules, once.
#
#   integration/tools/build.sh [TOOL...]     (all but kwok when none is named)
#   integration/tools/build.sh --dir TOOL    prints the folder TOOL is (or would be) built into
#
# A tool is a folder beside this script: its go.mod and go.sum say which source, `describe` below how to build it. The result goes
# to $TARS_CACHE/tools/TOOL-HASH (default ~/.cache/tars-on-kubernetes), where HASH covers the module's files, the flags and
# the Go release, so a build is done again exactly when one of these changed.
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/../lib/common.sh"
usage "$@"

here=$ROOT/integration/tools
cache=$TARS_CACHE/tools
default_tools=(etcd kubernetes coredns helm)

# Standard output is for the folder that --dir asks for.
say() { printf '%s\n' "$*" >&2; }

# version_of MODULE: the version that the go.mod in the current folder requires.
version_of() { awk -v module="$1" '$1 == "require" && $2 == module { print $3 } $1 == module { print $2 }' go.mod | head -1; }

# describe TOOL: sets `folder`, `packages`, `output` (a file when the name of the program isn't the package's) and `ldflags`.
describe() {
    folder=$here/$1 output='' ldflags='-s -w'
    local version variable
    cd "$folder" 2>/dev/null || fail "no tool named $1 in $here"
    case $1 in
        kubernetes)
            version=$(version_of k8s.io/kubernetes)
            variable=k8s.io/component-base/version
            # Without these the server calls itself v0.0.0-master, which clients and charts take for an ancient release.
            ldflags+=" -X $variable.gitVersion=$version -X $variable.gitMajor=$(cut -d. -f1 <<<"${version#v}")"
            ldflags+=" -X $variable.gitMinor=$(cut -d. -f2 <<<"$version")"
            packages=(k8s.io/kubernetes/cmd/kube-{apiserver,controller-manager,scheduler,proxy}
                k8s.io/kubernetes/cmd/kube{let,ctl})
            ;;
        etcd) packages=(go.etcd.io/etcd/server/v3) output=etcd ;;
        helm)
            packages=(helm.sh/helm/v3/cmd/helm)
            ldflags+=" -X helm.sh/helm/v3/internal/version.version=$(version_of helm.sh/helm/v3)"
            # The Kubernetes that helm takes for granted without a cluster (`helm template`, `helm lint`), as its own Makefile says:
            # the one its client library belongs to, v0.34 being 1.34. Left out, it is 1.20, which our charts refuse.
            local minor
            minor=$(version_of k8s.io/client-go | cut -d. -f2)
            for variable in helm.sh/helm/v3/pkg/{chartutil,lint/rules}.k8sVersion; do
                ldflags+=" -X ${variable}Major=1 -X ${variable}Minor=$minor"
            done
            ;;
        kwok) packages=(sigs.k8s.io/kwok/cmd/kwok) ;;
        coredns) packages=(.) output=coredns ;;
        *) packages=(.) output=$1 ;;
    esac
}

# target TOOL: the folder of the cache for what `describe` found.
target() {
    local hash
    hash=$({
        find . -maxdepth 1 -type f \( -name '*.go' -o -name go.mod -o -name go.sum \) -print0 | sort -z | xargs -0 sha256sum
        printf '%s\n' "$ldflags" "${packages[@]}" "$(go env GOVERSION GOARCH)"
    } | sha256sum | cut -c1-12)
    printf '%s/%s-%s' "$cache" "$1" "$hash"
}

# watch_build PID LOG NAME: a line every 15 seconds with how far the build is. `go build -v` names each package it compiles.
watch_build() {
    local start=$SECONDS total
    # A module that cannot be had is told by the build itself.
    total=$({ go list -deps "${packages[@]}" 2>/dev/null || true; } | wc -l)
    while kill -0 "$1" 2>/dev/null; do
        if ((SECONDS - start >= 15 && (SECONDS - start) % 15 == 0)); then
            say "  $3: $((SECONDS - start)) s, $(grep -c -v 'downloading' "$2" || true) of at most $total packages compiled"
        fi
        sleep 1
    done
}

# add_files TOOL FOLDER: what a tool needs besides its programs.
add_files() {
    [[ $1 == kwok ]] || return 0
    # How simulated nodes and pods behave, from the same release.
    local stages
    stages=$(go list -m -f '{{.Dir}}' sigs.k8s.io/kwok)/kustomize/stage
    local file
    for file in node/fast/node-initialize node/heartbeat-with-lease/node-heartbeat-with-lease \
        pod/fast/pod-ready pod/fast/pod-complete pod/fast/pod-delete; do
        printf -- '---\n'
        cat "$stages/$file.yaml"
    done >"$2/kwok-stages.yaml"
}

build() {
    local name=$1 destination temporary log start=$SECONDS status=0
    describe "$name"
    destination=$(target "$name")
    [[ -d $destination ]] && return 0
    mkdir -p "$cache"
    # Two builds at the same time would only take each other's processor; the second finds the first one's result.
    exec {lock}>"$cache/$name.lock"
    flock "$lock"
    if [[ ! -d $destination ]]; then
        say "building $name (once; kept in $destination)"
        temporary=$(mktemp -d "$destination.XXXXXX")
        log=$temporary.log
        # shellcheck disable=SC2064
        trap "rm -rf '$temporary' '$log'" EXIT
        CGO_ENABLED=0 GOFLAGS='' go build -v -trimpath -buildvcs=false -mod=readonly -ldflags "$ldflags" \
            -o "$temporary/$output" "${packages[@]}" >"$log" 2>&1 &
        local pid=$!
        watch_build "$pid" "$log" "$name"
        wait "$pid" || status=$?
        if ((status != 0)); then
            tail -n 30 "$log" >&2
            fail "building $name failed; its last lines are above"
        fi
        add_files "$name" "$temporary"
        chmod 755 "$temporary"
        mv "$temporary" "$destination"
        rm -f "$log"
        say "built $name in $((SECONDS - start)) s"
    fi
    exec {lock}>&-
}

need go "the cluster's programs are built from source with it (go 1.26 or newer)"

if [[ ${1:-} == --dir ]]; then
    (($# == 2)) || misuse 'takes the name of one tool after --dir'
    describe "$2"
    target "$2"
    echo
    exit 0
fi
[[ ${1:-} != -* ]] || misuse "does not take $1"
(($# > 0)) || set -- "${default_tools[@]}"
for tool in "$@"; do
    build "$tool"
done
