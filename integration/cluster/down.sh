#!/usr/bin/env bash
# Ends the local cluster and removes all it made. Safe to run when there is none, or only half of one.
#
#   integration/cluster/down.sh
#
#   TARS_CLUSTER_DIR   where its state is kept        (/var/lib/tars-cluster)
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
    echo "There is no local cluster ($cluster_dir doesn't exist or isn't one's folder)."
    exit 0
fi
exec 9>"$cluster_dir/lock"
flock 9
step "cluster ended and removed"
remove_cluster
step
# A shell that evaluated env.sh still names, and remembers, what is gone.
if [[ ${KUBECONFIG:-} == "$admin" || :$PATH: == *":$bin:"* ]]; then
    echo "In shells that evaluated env.sh: unset KUBECONFIG; hash -r"
fi
