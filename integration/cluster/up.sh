#!/usr/bin/env bash
# Starts a Kubernetes cluster of one real node on this machine. A cluster that runs is checked, and repaired where needed.
#
#   integration/cluster/up.sh
#
#   TARS_CLUSTER_DIR   the folder of its state           (/var/lib/tars-cluster)
#   TARS_CACHE         the folder of its programs        (~/.cache/tars-on-kubernetes)
#   KWOK_NODES         the number of simulated nodes     (0)
#   CNI_BIN_DIR        the folder of the CNI plug-ins    (the usual places)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=integration/cluster/lib/common.sh
. "$here/lib/common.sh"
no_arguments "$@"
# shellcheck source=integration/cluster/lib/processes.sh
. "$here/lib/processes.sh"
# shellcheck source=integration/cluster/lib/checks.sh
. "$here/lib/checks.sh"
# shellcheck source=integration/cluster/lib/certificates.sh
. "$here/lib/certificates.sh"
# shellcheck source=integration/cluster/lib/control-plane.sh
. "$here/lib/control-plane.sh"
# shellcheck source=integration/cluster/lib/node.sh
. "$here/lib/node.sh"
# shellcheck source=integration/cluster/lib/dns.sh
. "$here/lib/dns.sh"
# shellcheck source=integration/cluster/lib/simulated.sh
. "$here/lib/simulated.sh"
# shellcheck source=integration/cluster/lib/remove.sh
. "$here/lib/remove.sh"

programs=(etcd kube-apiserver kube-controller-manager kube-scheduler containerd kubelet kube-proxy coredns)

# Takes the folder only if it is new, empty, or that of a local cluster, because `down` removes it with everything in it.
claim_folder() {
    [[ $cluster_dir == /*/* ]] || fail "TARS_CLUSTER_DIR must be an absolute path with at least two parts, not $cluster_dir"
    # The full path of a socket has at most 107 bytes.
    ((${#cluster_dir} <= 60)) || fail "TARS_CLUSTER_DIR has ${#cluster_dir} bytes; the sockets below it allow 60"
    if [[ -d $cluster_dir && ! -e $cluster_dir/tars-cluster && -n $(ls -A "$cluster_dir") ]]; then
        fail "$cluster_dir is not empty and not the folder of a local cluster: set TARS_CLUSTER_DIR to another one"
    fi
    mkdir -p "$cluster_dir" "$run" "$logs" "$config" "$bin" "$mounts"
    touch "$cluster_dir/tars-cluster"
    chmod 755 "$cluster_dir"
}

lock_folder() {
    while true; do
        claim_folder
        exec 9>"$cluster_dir/lock"
        flock --nonblock 9 || {
            echo "waiting for another up or down to end"
            flock 9
        }
        # If we waited for a down, it has removed the folder, and with it the file whose lock we hold.
        if [[ $cluster_dir/lock -ef /proc/self/fd/9 && -d $mounts ]]; then
            return
        fi
    done
}

# Builds the programs that are not in the cache, and links all programs into one folder for PATH.
build_programs() {
    local tool folder tools=(etcd kubernetes coredns helm)
    ((${KWOK_NODES:-0} == 0)) || tools+=(kwok)
    "$ROOT/integration/tools/build.sh" "${tools[@]}"
    for tool in "${tools[@]}"; do
        folder=$("$ROOT/integration/tools/build.sh" --dir "$tool")
        ln --symbolic --force --no-dereference --target-directory "$bin" "$folder"/*
    done
    "$ROOT/integration/images/build.sh" --quiet pause
}

is_healthy() {
    local name
    for name in "${programs[@]}"; do
        is_running "$name" || return 1
    done
    etcd_healthy && api_healthy && controllers_healthy && scheduler_healthy && containerd_healthy && kubelet_healthy &&
        proxy_healthy && dns_healthy && node_ready
} >/dev/null 2>&1

start() {
    begin_step "certificates and network"
    check_ports
    make_certificates
    make_bridge
    configure_node
    begin_step "etcd and API server"
    start_etcd
    start_containerd
    wait_for 30 etcd etcd etcd_healthy
    start_api_server
    wait_for 30 containerd containerd containerd_healthy
    ctr images import "$ROOT/target/images/pause.tar" >/dev/null
    wait_for 60 "the API server" kube-apiserver api_healthy
    begin_step "controllers and node"
    start_controllers
    start_kubelet
    grant_rights >/dev/null
    start_kube_proxy
    start_dns
    wait_for 30 "the controller manager" kube-controller-manager controllers_healthy
    wait_for 30 "the scheduler" kube-scheduler scheduler_healthy
    wait_for 30 "the kubelet" kubelet kubelet_healthy
    wait_for 60 "the node" kubelet node_ready
    wait_for 30 "kube-proxy" kube-proxy proxy_healthy
    wait_for 30 "the cluster DNS" coredns dns_healthy
    wait_for 30 "the default service account" kube-controller-manager kubectl get serviceaccount default
}

explain() {
    echo
    echo "The cluster is up: $(kubectl get nodes --no-headers 2>/dev/null | wc -l) node(s), Kubernetes $(kubectl get node "$node" \
        --output 'jsonpath={.status.nodeInfo.kubeletVersion}')."
    echo "To use kubectl and helm on it in this shell:"
    echo "    eval \"\$(${here#"$PWD"/}/env.sh)\"       (KUBECONFIG=$admin)"
    echo "Logs of its programs: $logs. To end it and remove everything that it made: make cluster-down"
}

main() {
    local boot
    check_root
    lock_folder
    begin_step "programs and packages"
    check_programs
    build_programs
    boot=$(</proc/sys/kernel/random/boot_id)
    if [[ -e $cluster_dir/boot && $(<"$cluster_dir/boot") != "$boot" ]]; then
        # No pod, mount or interface survives a restart of the machine, and etcd does not sync its data to disk.
        echo "          the machine was restarted since the last start: the cluster starts afresh"
        remove_cluster
        lock_folder
        build_programs
    fi
    if is_healthy; then
        end_step
        echo "The cluster already runs and is healthy."
    else
        check_kernel
        check_other_clusters
        [[ -e $cluster_dir/made-folders ]] || note_folders
        printf '%s\n' "$boot" >"$cluster_dir/boot"
        start
    fi
    if ((${KWOK_NODES:-0} > 0)); then
        begin_step "$KWOK_NODES simulated nodes"
        check_ports
        simulate_nodes "$KWOK_NODES"
        wait_for 60 "the simulated nodes" kwok simulated_ready "$KWOK_NODES"
    fi
    end_step
    explain
}

main
