#!/usr/bin/env bash
# Makes kubectl and helm of the local cluster usable in a shell; prints what the shell is to evaluate.
#
#   eval "$(integration/cluster/env.sh)"
#
#   KUBECONFIG         wins when it is set: it names the cluster that demo and tests are to use instead
#   TARS_CLUSTER_DIR   where the local cluster's state is kept   (/var/lib/tars-cluster)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=integration/cluster/lib/common.sh
. "$here/lib/common.sh"
no_arguments "$@"

folders=$bin
if [[ ! -x $bin/kubectl ]]; then
    # No local cluster here: the programs are in the cache.
    folders=$("$ROOT/integration/tools/build.sh" --dir kubernetes):$("$ROOT/integration/tools/build.sh" --dir helm)
fi
printf 'export KUBECONFIG=%q\n' "${KUBECONFIG:-$admin}"
# PATH is for the caller's shell to expand.
# shellcheck disable=SC2016
printf 'export PATH=%q:"$PATH"\n' "$folders"
