#!/usr/bin/env bash
# Loads images into the cluster.
#
#   integration/cluster/load-images.sh TAR...
#
# The local cluster gets them directly. For another cluster (KUBECONFIG is set, and is not that of the local cluster) set
# TARS_IMAGE_LOAD to a command. It runs once for each archive, with the path of the archive as its last argument, for example
# TARS_IMAGE_LOAD="kind load image-archive".
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=integration/cluster/lib/common.sh
. "$here/lib/common.sh"
usage "$@"

(($# > 0)) || misuse "needs the image archives to load, for example target/images/*.tar"
[[ $1 != -* ]] || misuse "takes image archives only, not $1"
for tar in "$@"; do
    [[ -r $tar ]] || fail "cannot read the image archive $tar; make images builds the archives"
done
if [[ -n ${KUBECONFIG:-} && ! $KUBECONFIG -ef $admin ]]; then
    [[ -n ${TARS_IMAGE_LOAD:-} ]] || fail "KUBECONFIG names a cluster that is not the local one: set TARS_IMAGE_LOAD to a command \
that loads an archive there, or push the images to a registry that the cluster reads"
    for tar in "$@"; do
        # The command may have arguments, so the shell must split it.
        # shellcheck disable=SC2086
        $TARS_IMAGE_LOAD "$tar"
    done
    exit 0
fi
[[ -S $containerd_socket ]] || fail "the local cluster does not run: start it with make cluster-up"
# An archive with the same content is loaded only once.
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
