#!/usr/bin/env bash
# Makes kubectl and helm of the local cluster usable in a shell: eval "$(integration/cluster/env.sh)"
# A KUBECONFIG that is already set wins: it names the cluster that demo and tests are to use instead.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=integration/cluster/lib/common.sh
. "$here/lib/common.sh"

folders=$bin
if [[ ! -x $bin/kubectl ]]; then
    # No local cluster here: the programs are in the cache.
    folders=$("$ROOT/integration/tools/build.sh" --dir kubernetes):$("$ROOT/integration/tools/build.sh" --dir helm)
fi
printf 'export KUBECONFIG=%q\n' "${KUBECONFIG:-$admin}"
# PATH is for the caller's shell to expand.
# shellcheck disable=SC2016
printf 'export PATH=%q:"$PATH"\n' "$folders"
