#!/usr/bin/env bash
# Prints commands for a shell to evaluate. They make kubectl and helm of the local cluster usable in that shell.
#
#   eval "$(integration/cluster/env.sh)"
#
#   KUBECONFIG         when it is set it stays, and demo and tests use that cluster
#   TARS_CLUSTER_DIR   the folder of the local cluster's state   (/var/lib/tars-cluster)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=integration/cluster/lib/common.sh
. "$here/lib/common.sh"
no_arguments "$@"

folders=$bin
if [[ ! -x $bin/kubectl ]]; then
    # Without a local cluster, the programs are in the cache.
    folders=$("$ROOT/integration/tools/build.sh" --dir kubernetes):$("$ROOT/integration/tools/build.sh" --dir helm)
fi
printf 'export KUBECONFIG=%q\n' "${KUBECONFIG:-$admin}"
# The shell of the caller expands PATH.
# shellcheck disable=SC2016
printf 'export PATH=%q:"$PATH"\n' "$folders"
