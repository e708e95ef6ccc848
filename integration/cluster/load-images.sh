#!/usr/bin/env bash
# Makes images known to the cluster.
#
#   integration/cluster/load-images.sh TAR...
#
# Into the local cluster they go directly. For another one (KUBECONFIG is set and isn't the local cluster's) set TARS_IMAGE_LOAD
# to a command; it is run once per tar with the tar's path as its last argument, e.g. TARS_IMAGE_LOAD="kind load image-archive".
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=integration/cluster/lib/common.sh
. "$here/lib/common.sh"
usage "$@"

(($# > 0)) || misuse "needs the image archives to load, e.g. target/images/*.tar"
[[ $1 != -* ]] || misuse "takes image archives only, not $1"
for tar in "$@"; do
    [[ -r $tar ]] || fail "can't read the image archive $tar (make images builds them)"
done
if [[ -n ${KUBECONFIG:-} && ! $KUBECONFIG -ef $admin ]]; then
    [[ -n ${TARS_IMAGE_LOAD:-} ]] || fail "KUBECONFIG names a cluster that isn't the local one, and how images get there isn't \
known: set TARS_IMAGE_LOAD to a command that takes an archive's path, or push the images to a registry the cluster reads"
    for tar in "$@"; do
        # The command may have arguments of its own, hence the splitting.
        # shellcheck disable=SC2086
        $TARS_IMAGE_LOAD "$tar"
    done
    exit 0
fi
[[ -S $containerd_socket ]] || fail "the local cluster isn't running: start it with make cluster-up"
# A tar that was loaded before, by its content, costs nothing.
mkdir -p "$cluster_dir/loaded"
loaded=()
for tar in "$@"; do
    sum=$(sha256sum "$tar" | cut -c1-64)
    [[ ! -e $cluster_dir/loaded/$sum ]] || continue
    ctr images import "$tar" >/dev/null
    touch "$cluster_dir/loaded/$sum"
    loaded+=("$(basename "$tar" .tar)")
done
echo "loaded: ${loaded[*]:-nothing new}"
