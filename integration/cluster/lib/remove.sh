# shellcheck shell=bash disable=SC2154
# Removes everything that the cluster made: processes, containers, mounts, interfaces, rules of the packet filter, folders, data of pods.

# Prints the process ids of the shims that our containerd started. Each has the socket of containerd among its arguments.
list_shims() {
    local folder arguments
    for folder in /proc/[0-9]*; do
        { mapfile -d '' -t arguments <"$folder/cmdline"; } 2>/dev/null || continue
        if [[ ${arguments[0]:-} == *containerd-shim* && " ${arguments[*]} " == *" $containerd_socket "* ]]; then
            printf '%s\n' "${folder#/proc/}"
        fi
    done
}

# Kills every container, then all shims that are left. It does not need containerd.
end_containers() {
    local task shim tries
    if is_running containerd; then
        ctr tasks list --quiet 2>/dev/null | while read -r task; do
            timeout 10 "$(type -P ctr)" --address "$containerd_socket" --namespace k8s.io tasks delete --force "$task" \
                >/dev/null 2>&1 || true
        done
    fi
    for tries in {1..20}; do
        [[ -n $(list_shims) ]] || return 0
        sleep 0.1
        ((tries > 10)) || continue
        for shim in $(list_shims); do
            # The first process of a container is a child of its shim. With it the kernel ends all processes of the same name space.
            pkill -KILL -P "$shim" 2>/dev/null || true
            kill -KILL "$shim" 2>/dev/null || true
        done
    done
}

# list_mounts_below FOLDER: prints the mount points below a folder, deepest first.
list_mounts_below() {
    awk -v prefix="$1/" 'index($5, prefix) == 1 { print $5 }' /proc/self/mountinfo | sort --reverse
}

unmount_all() {
    local point
    while read -r point; do
        umount --lazy "$(printf '%b' "$point")" 2>/dev/null || true
    done < <(list_mounts_below "$cluster_dir")
    [[ -z $(list_mounts_below "$cluster_dir") ]] || fail "cannot unmount $(list_mounts_below "$cluster_dir" | head -1)"
}

remove_interfaces() {
    local link
    # There is no bridge when a start was refused, for example because of a port.
    ip link show "$bridge" >/dev/null 2>&1 || return 0
    ip -oneline link show master "$bridge" 2>/dev/null | awk -F '[ :@]+' '{ print $2 }' | while read -r link; do
        ip link delete "$link" 2>/dev/null || true
    done
    ip link delete "$bridge" 2>/dev/null || true
}

# Matches the chains of the kubelet, of kube-proxy and of the CNI plug-in "portmap", every rule that leads there, and our own rules.
cluster_rules='^:(KUBE|CNI)-|^-A (KUBE|CNI)-|-j (KUBE|CNI)-|tars-local-cluster'

remove_rules() {
    local family rules
    for family in iptables ip6tables; do
        rules=$("$family-save" 2>/dev/null) || continue
        grep -qE -e "$cluster_rules" <<<"$rules" || continue
        grep -vE -e "$cluster_rules" <<<"$rules" | "$family-restore" --wait || echo "warning: some rules of $family could not be removed"
    done
}

# Folders that the programs make at fixed places. `note_folders` notes which of them do not exist yet; only those are removed later.
fixed_folders=(/var/lib/kubelet /var/lib/cni /var/log/containers /var/log/pods /run/containerd /run/cni /run/netns
    /usr/libexec/kubernetes /etc/cni /opt/cni)

note_folders() {
    local folder
    for folder in "${fixed_folders[@]}"; do
        [[ -e $folder ]] || printf '%s\n' "$folder"
    done >"$cluster_dir/made-folders"
    note_data
}

# The data that pods of Tars leave on the node: local volumes and logs. (The test sets another folder.)
node_data=${TARS_NODE_DATA:-/usr/local/app/tars}

# Notes the folder, and those above it, as far as they do not exist yet. Everything that gets into them later belongs to the cluster and
# may be removed. If the folder exists, nothing is noted.
note_data() {
    local folder=$node_data
    while [[ ! -e $folder && ! -L $folder ]]; do
        printf '%s\n' "$folder"
        folder=$(dirname "$folder")
    done >"$cluster_dir/made-data"
}

remove_data() {
    local data parents
    # Without a note, the cluster has not run pods.
    [[ -e $cluster_dir/made-data ]] || return 0
    { read -r data && mapfile -t parents; } <"$cluster_dir/made-data" || data=''
    if [[ -z $data ]]; then
        [[ ! -e $node_data ]] || echo "          $node_data stays: it existed before the cluster, and the next cluster uses its data"
        return 0
    fi
    [[ -d $data && ! -L $data ]] || return 0
    if mountpoint --quiet "$data" || [[ -n $(list_mounts_below "$data") ]]; then
        echo "          $data stays: something is mounted there that the cluster did not mount"
        return 0
    fi
    rm -rf --one-file-system "${data:?}"
    ((${#parents[@]} == 0)) || rmdir --ignore-fail-on-non-empty "${parents[@]}"
    echo "          $data removed, with the local volumes and logs of this cluster"
}

remove_folders() {
    local folder
    if [[ -d /var/log/containers ]]; then
        find /var/log/containers -type l -lname "$mounts/*" -delete
    fi
    # A result of a CNI plug-in contains the path of the pod's network name space.
    { grep --files-with-matches --no-messages --fixed-strings "$mounts/" /var/lib/cni/results/* || true; } |
        xargs --no-run-if-empty rm -f
    # The kubelet makes groups named kubepods in each hierarchy.
    find /sys/fs/cgroup -depth -type d -path '*/kubepods*' -exec rmdir {} + 2>/dev/null || true
    while read -r folder; do
        [[ -d $folder ]] || continue
        # Only files of this cluster can be in a folder that it made: sockets of killed shims, and notes of the kubelet.
        find "$folder" -xdev \( -type s -o -name 'DEPRECATION' -o -name 'kubelet_internal_checkpoint' \) -delete
        find "$folder" -xdev -depth -type d -empty -delete
    done < <(cat "$cluster_dir/made-folders" 2>/dev/null)
}

remove_cluster() {
    local name
    for name in kwok coredns kube-proxy kubelet; do
        halt "$name"
    done
    end_containers
    halt containerd
    for name in kube-scheduler kube-controller-manager kube-apiserver etcd; do
        halt "$name" 5
    done
    unmount_all
    remove_interfaces
    remove_rules
    remove_folders
    remove_data
    # No mount is left below it, as checked above, so this cannot delete files in a volume.
    rm -rf --one-file-system "${cluster_dir:?}"
}
