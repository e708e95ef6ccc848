#!/usr/bin/env bash
# Builds the programs of the local cluster from pinned Go modules. Each state of a module is built only once.
#
#   integration/tools/build.sh [TOOL...]     builds these tools, or all but kwok and cert-manager
#   integration/tools/build.sh --dir TOOL    prints the folder of the cache for TOOL, also when it is not built yet
#
# Each tool is a folder beside this script. Its go.mod and go.sum name the source, and `describe` below says how to build it. The result
# goes to TARS_CACHE/tools/TOOL-HASH. The hash covers the files of the module, the flags and the Go release, so a tool is built again
# only when one of these has changed.
#
#   TARS_CACHE   the folder of the cache   (~/.cache/tars-on-kubernetes)
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/../lib/common.sh"
usage "$@"

here=$ROOT/integration/tools
cache=$TARS_CACHE/tools
default_tools=(etcd kubernetes coredns helm)

# Prints to standard error: standard output is for the folder that --dir prints.
say() { printf '%s\n' "$*" >&2; }

# print_version MODULE: prints the version of a module that the go.mod in the current folder requires.
print_version() { awk -v module="$1" '$1 == "require" && $2 == module { print $3 } $1 == module { print $2 }' go.mod | head -1; }

# describe TOOL: goes to the folder of the tool and sets `folder`, `packages`, `ldflags` and `output`, which is the name of the program
# where it differs from that of the package.
describe() {
    folder=$here/$1 output='' ldflags='-s -w'
    local version variable
    cd "$folder" 2>/dev/null || fail "no tool named $1 in $here"
    case $1 in
        kubernetes)
            version=$(print_version k8s.io/kubernetes)
            variable=k8s.io/component-base/version
            # Without these flags the server reports the version v0.0.0-master, which clients and charts treat as a very old one.
            ldflags+=" -X $variable.gitVersion=$version -X $variable.gitMajor=$(cut -d. -f1 <<<"${version#v}")"
            ldflags+=" -X $variable.gitMinor=$(cut -d. -f2 <<<"$version")"
            packages=(k8s.io/kubernetes/cmd/kube-{apiserver,controller-manager,scheduler,proxy}
                k8s.io/kubernetes/cmd/kube{let,ctl})
            ;;
        etcd) packages=(go.etcd.io/etcd/server/v3) output=etcd ;;
        helm)
            packages=(helm.sh/helm/v3/cmd/helm)
            ldflags+=" -X helm.sh/helm/v3/internal/version.version=$(print_version helm.sh/helm/v3)"
            # The version of Kubernetes that helm assumes without a cluster (`helm template`, `helm lint`). As in the Makefile of
            # helm, it is that of the client library: v0.34 belongs to 1.34. The default is 1.20, which our charts refuse.
            local minor
            minor=$(print_version k8s.io/client-go | cut -d. -f2)
            for variable in helm.sh/helm/v3/pkg/{chartutil,lint/rules}.k8sVersion; do
                ldflags+=" -X ${variable}Major=1 -X ${variable}Minor=$minor"
            done
            ;;
        kwok) packages=(sigs.k8s.io/kwok/cmd/kwok) ;;
        coredns) packages=(.) output=coredns ;;
        *) packages=(.) output=$1 ;;
    esac
}

# print_target TOOL: prints the folder of the cache for the tool that `describe` has described.
print_target() {
    local hash
    hash=$({
        find . -maxdepth 1 -type f \( -name '*.go' -o -name go.mod -o -name go.sum \) -print0 | sort -z | xargs -0 sha256sum
        printf '%s\n' "$ldflags" "${packages[@]}" "$(go env GOVERSION GOARCH)"
    } | sha256sum | cut -c1-12)
    printf '%s/%s-%s' "$cache" "$1" "$hash"
}

# watch_build PID LOG NAME: prints every 15 seconds how far the build is. `go build -v` prints each package that it compiles.
watch_build() {
    local start=$SECONDS total
    # If a module cannot be fetched, the build itself reports that.
    total=$({ go list -deps "${packages[@]}" 2>/dev/null || true; } | wc -l)
    while kill -0 "$1" 2>/dev/null; do
        if ((SECONDS - start >= 15 && (SECONDS - start) % 15 == 0)); then
            say "  $3: $((SECONDS - start)) s, $(grep -c -v 'downloading' "$2" || true) of at most $total packages compiled"
        fi
        sleep 1
    done
}

# add_files TOOL FOLDER: adds files that a tool needs in addition to its programs.
add_files() {
    if [[ $1 == cert-manager ]]; then
        cat "$(go list -m -f '{{.Dir}}' github.com/cert-manager/cert-manager)"/deploy/crds/cert-manager.io_*.yaml >"$2/crds.yaml"
    fi
    [[ $1 == kwok ]] || return 0
    # These files describe how simulated nodes and pods behave. They come from the same release.
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
    destination=$(print_target "$name")
    [[ -d $destination ]] && return 0
    mkdir -p "$cache"
    # Two builds at the same time would only slow each other down. The second one waits, and finds the result of the first.
    exec {lock}>"$cache/$name.lock"
    flock "$lock"
    if [[ ! -d $destination ]]; then
        say "building $name (once; the result stays in $destination)"
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
            fail "building $name failed; the end of its output is above"
        fi
        add_files "$name" "$temporary"
        chmod 755 "$temporary"
        mv "$temporary" "$destination"
        rm -f "$log"
        say "built $name in $((SECONDS - start)) s"
    fi
    exec {lock}>&-
}

need go 'install Go 1.26 or newer (https://go.dev/dl), which builds the programs of the cluster'

if [[ ${1:-} == --dir ]]; then
    (($# == 2)) || misuse 'takes the name of one tool after --dir'
    describe "$2"
    print_target "$2"
    echo
    exit 0
fi
[[ ${1:-} != -* ]] || misuse "does not take $1"
(($# > 0)) || set -- "${default_tools[@]}"
for tool in "$@"; do
    build "$tool"
done
