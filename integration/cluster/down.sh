#!/usr/bin/env bash
# Ends the local cluster and removes everything that it made. It does no harm when there is no cluster, or only a part of one.
#
#   integration/cluster/down.sh
#
#   TARS_CLUSTER_DIR   the folder of its state         (/var/lib/tars-cluster)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=integration/cluster/lib/common.sh
. "$here/lib/common.sh"
no_arguments "$@"
# shellcheck source=integration/cluster/lib/processes.sh
. "$here/lib/processes.sh"
# shellcheck source=integration/cluster/lib/checks.sh
. "$here/lib/checks.sh"
# shellcheck source=integration/cluster/lib/remove.sh
. "$here/lib/remove.sh"

check_root
if [[ ! -e $cluster_dir/tars-cluster ]]; then
    echo "There is no local cluster: $cluster_dir does not exist, or is not the folder of one."
    exit 0
fi
exec 9>"$cluster_dir/lock"
flock 9
begin_step "cluster ended and removed"
remove_cluster
end_step
# A shell that evaluated env.sh still has the variables, and remembers programs that no longer exist.
if [[ ${KUBECONFIG:-} == "$admin" || :$PATH: == *":$bin:"* ]]; then
    echo "Run in each shell that evaluated env.sh: unset KUBECONFIG; hash -r"
fi
