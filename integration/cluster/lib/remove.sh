# shellcheck shell=bash disable=SC2154
# Takes away all that the cluster made: processes, containers, mounts, interfaces, packet filter rules, folders, data of pods.

# shims: the process ids of the shims that our containerd started; each has its socket among its arguments.
shims() {
    local folder arguments
    for folder in /proc/[0-9]*; do
        { mapfile -d '' -t arguments <"$folder/cmdline"; } 2>/dev/null || continue
        if [[ ${arguments[0]:-} == *containerd-shim* && " ${arguments[*]} " == *" $containerd_socket "* ]]; then
            printf '%s\n' "${folder#/proc/}"
        fi
    done
}

# end_containers: kills every container, then what is left of the shims. Works without containerd too.
end_containers() {
    local task shim tries
    if running containerd; then
        ctr tasks list --quiet 2>/dev/null | while read -r task; do
            timeout 10 "$(type -P ctr)" --address "$containerd_socket" --namespace k8s.io tasks delete --force "$task" \
                >/dev/null 2>&1 || true
        done
    fi
    for tries in {1..20}; do
        [[ -n $(shims) ]] || return 0
        sleep 0.1
        ((tries > 10)) || continue
        for shim in $(shims); do
            # A container's first process is a child of its shim; the kernel ends the others of its process namespace.
            pkill -KILL -P "$shim" 2>/dev/null || true
            kill -KILL "$shim" 2>/dev/null || true
        done
    done
}

# mounted_below FOLDER: its mount points, deepest first.
mounted_below() {
    awk -v prefix="$1/" 'index($5, prefix) == 1 { print $5 }' /proc/self/mountinfo | sort --reverse
}

unmount_all() {
    local point
    while read -r point; do
        umount --lazy "$(printf '%b' "$point")" 2>/dev/null || true
    done < <(mounted_below "$cluster_dir")
    [[ -z $(mounted_below "$cluster_dir") ]] || fail "can't unmount $(mounted_below "$cluster_dir" | head -1)"
}

remove_interfaces() {
    local link
    # A start that was refused, for a port say, made no bridge.
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
        grep -vE -e "$cluster_rules" <<<"$rules" | "$family-restore" --wait || echo "warning: some rules of $family are left behind"
    done
}

# Folders that the programs make at fixed places. `note_folders` writes down which are new, so that only those go.
fixed_folders=(/var/lib/kubelet /var/lib/cni /var/log/containers /var/log/pods /run/containerd /run/cni /run/netns
    /usr/libexec/kubernetes /etc/cni /opt/cni)

note_folders() {
    local folder
    for folder in "${fixed_folders[@]}"; do
        [[ -e $folder ]] || printf '%s\n' "$folder"
    done >"$cluster_dir/made-folders"
    note_data
}

# What pods of Tars keep on the node beyond their life: local volumes and logs. (The test names a folder of its own.)
node_data=${TARS_NODE_DATA:-/usr/local/app/tars}

# Only a folder that isn't there yet is ours to remove, for all that gets into it is the cluster's. Written down are the folder and
# those above it, as far as they are missing; nothing when it exists.
note_data() {
    local folder=$node_data
    while [[ ! -e $folder && ! -L $folder ]]; do
        printf '%s\n' "$folder"
        folder=$(dirname "$folder")
    done >"$cluster_dir/made-data"
}

remove_data() {
    local data parents
    # Never noted: the cluster didn't get as far as running pods.
    [[ -e $cluster_dir/made-data ]] || return 0
    { read -r data && mapfile -t parents; } <"$cluster_dir/made-data" || data=''
    if [[ -z $data ]]; then
        [[ ! -e $node_data ]] || echo "          $node_data stays: it was there before the cluster, the next one uses its data"
        return 0
    fi
    [[ -d $data && ! -L $data ]] || return 0
    if mountpoint --quiet "$data" || [[ -n $(mounted_below "$data") ]]; then
        echo "          $data stays: something is mounted there, and the cluster didn't do that"
        return 0
    fi
    rm -rf --one-file-system "${data:?}"
    ((${#parents[@]} == 0)) || rmdir --ignore-fail-on-non-empty "${parents[@]}"
    echo "          $data removed: local volumes and logs of this cluster"
}

remove_folders() {
    local folder
    if [[ -d /var/log/containers ]]; then
        find /var/log/containers -type l -lname "$mounts/*" -delete
    fi
    rm -f /var/lib/cni/results/tars-local-*
    # A name space of processes is kept in one group per controller.
    find /sys/fs/cgroup -depth -type d -path '*/kubepods*' -exec rmdir {} + 2>/dev/null || true
    while read -r folder; do
        [[ -d $folder ]] || continue
        # Sockets of shims that were killed, and the kubelet's own notes; nobody else's files are in a folder we made.
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
    # No mount is left below (checked above), so this can't reach into anybody's volume.
    rm -rf --one-file-system "${cluster_dir:?}"
}
