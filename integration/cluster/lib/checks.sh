# shellcheck shell=bash disable=SC2154
# Checks of the machine. Each refusal is one sentence that says what to do.

debian_packages=(containerd runc containernetworking-plugins iptables conntrack iproute2 openssl curl procps mount kmod util-linux)

check_root() {
    ((EUID == 0)) || fail "the local cluster makes interfaces, mounts and containers, so it needs root: run it as root (sudo -E make ...)"
}

# A machine without Debian's package manager needs the programs, from whatever package.
check_programs() {
    if command -v dpkg-query >/dev/null; then
        need_packages "${debian_packages[@]}"
    fi
    local program
    for program in containerd containerd-shim-runc-v2 ctr runc iptables iptables-save conntrack ip openssl curl sysctl; do
        command -v "$program" >/dev/null || fail "the program $program is not installed: install it (on Debian: ${debian_packages[*]})"
    done
    [[ -x $(find_cni_programs)/bridge ]] || fail "the CNI plug-ins are not installed: install containernetworking-plugins"
}

# Prints the folder of the CNI plug-ins, or nothing.
find_cni_programs() {
    local folder
    for folder in "${CNI_BIN_DIR:-}" /usr/lib/cni /opt/cni/bin /usr/libexec/cni; do
        if [[ -n $folder && -x $folder/bridge ]]; then
            printf '%s' "$folder"
            return
        fi
    done
}

check_kernel() {
    local file
    grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null ||
        fail "this kernel has no overlay file system, which images of containers need"
    [[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]] || modprobe br_netfilter 2>/dev/null ||
        fail "this kernel cannot filter bridged traffic (br_netfilter), which Services between pods need"
    if ! ip link add name tars-check type bridge 2>/dev/null; then
        fail "a network bridge for the pods cannot be made here: this may be a container without the right to make one"
    fi
    ip link delete tars-check
    mkdir -p "$cluster_dir/mount-check"
    if ! mount -t tmpfs tmpfs "$cluster_dir/mount-check" 2>/dev/null; then
        fail "a file system for containers cannot be mounted here: this may be a container without the right to mount"
    fi
    umount "$cluster_dir/mount-check"
    iptables --wait --table nat --list-rules >/dev/null 2>&1 ||
        fail "iptables, which Services need, does not work here: the table nat cannot be read"
    [[ -e /sys/fs/cgroup/cgroup.controllers || -d /sys/fs/cgroup/memory ]] ||
        fail "containers need control groups, but none are mounted at /sys/fs/cgroup"
    for file in net/ipv4/ip_forward net/bridge/bridge-nf-call-iptables; do
        [[ $(<"/proc/sys/$file") == 1 ]] || echo 1 >"/proc/sys/$file" || fail "the kernel setting $file cannot be switched on"
    done
}

# find_listener PORT [ADDRESS]: prints the process that listens at that port, at this address or at all addresses.
find_listener() {
    ss --listening --tcp --numeric --processes --no-header "sport = :$1" |
        awk -v address="${2:-127.0.0.1}" '
            { at = $4; sub(/:[0-9]+$/, "", at); sub(/%.*/, "", at) }
            at == address || at == "0.0.0.0" || at == "*" || at == "[::]" {
                who = "a process that cannot be seen"
                if (match($0, /\(\("[^"]*",pid=[0-9]+/)) {
                    who = substr($0, RSTART + 3, RLENGTH - 3); sub(/",pid=/, ", process ", who)
                }
                print who; exit
            }'
}

# Checks that the port of each program that does not run yet is free.
check_ports() {
    local name port address who
    while read -r name port address; do
        is_running "$name" && continue
        who=$(find_listener "$port" "$address")
        [[ -z $who ]] || fail "port $port, which $name of the local cluster needs, is taken by $who: stop that process first"
    done <<LIST
etcd 2379 127.0.0.1
etcd 2380 127.0.0.1
kube-apiserver $api_port $node_ip
kube-controller-manager 10257 127.0.0.1
kube-scheduler 10259 127.0.0.1
kubelet 10250 $node_ip
kubelet 10248 127.0.0.1
kube-proxy 10256 127.0.0.1
kube-proxy 10249 127.0.0.1
coredns 53 $node_ip
coredns 10255 127.0.0.1
kwok 10247 127.0.0.1
LIST
}

check_other_clusters() {
    [[ ! -e $cluster_dir/boot ]] || return 0
    # `grep -q` would end at the first match, and the broken pipe of iptables-save would count as a failure.
    if iptables-save --table nat 2>/dev/null | grep '^:KUBE-SERVICES' >/dev/null; then
        fail "another Kubernetes runs, or ran, on this machine (iptables has the chain KUBE-SERVICES): remove it first"
    fi
    if [[ -n $(ip route show "$pod_range")$(ip route show "$service_range") ]]; then
        fail "this machine already has a route to $pod_range or $service_range, which are the addresses of the local cluster: remove that route first"
    fi
}
