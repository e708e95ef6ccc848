# shellcheck shell=bash disable=SC2154
# Starts the node: network, containerd, kubelet and kube-proxy.

make_bridge() {
    ip link show "$bridge" >/dev/null 2>&1 || ip link add "$bridge" type bridge
    [[ $(ip -4 -oneline address show dev "$bridge") == *" $node_ip/"* ]] || ip address add "$node_ip/24" dev "$bridge"
    ip link set "$bridge" up
    # Pods reach other networks with the address of the machine, also when a firewall drops forwarded traffic.
    add_rule nat POSTROUTING --source "$pod_range" ! --destination "$pod_range" --jump MASQUERADE
    add_rule filter FORWARD --in-interface "$bridge" --jump ACCEPT
    add_rule filter FORWARD --out-interface "$bridge" --jump ACCEPT
}

# add_rule TABLE CHAIN MATCH...: inserts a rule at the top of a chain, unless it exists. `remove_rules` finds it by its comment.
add_rule() {
    local table=$1 chain=$2
    shift 2
    set -- "$@" --match comment --comment tars-local-cluster
    iptables --wait --table "$table" --check "$chain" "$@" 2>/dev/null || iptables --wait --table "$table" --insert "$chain" 1 "$@"
}

# CAP_SYS_RESOURCE is bit 24. Without it runc may not lower the OOM score of a process, and it ends with a message about a pipe.
may_lower_oom_score() {
    local capabilities
    capabilities=$(awk '/^CapEff/ { print $2 }' /proc/self/status)
    ((0x$capabilities >> 24 & 1))
}

configure_node() {
    mkdir -p "$mounts" "$config/cni"
    cat >"$config/containerd.toml" <<END
version = 2
root = "$mounts/containerd"
state = "$mounts/containerd-state"
oom_score = 0
# Only services for images and containers are enabled. Nothing is pulled in the background.
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
address = "$containerd_socket"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "$pause_image"
restrict_oom_score_adj = $(may_lower_oom_score && echo false || echo true)
netns_mounts_under_state_dir = true
stream_server_address = "127.0.0.1"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "$(find_cni_programs)"
conf_dir = "$config/cni"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
END
    cat >"$config/cni/10-tars.conflist" <<END
{
  "cniVersion": "0.4.0",
  "name": "tars-local",
  "plugins": [
    {"type": "bridge", "bridge": "$bridge", "isGateway": true, "hairpinMode": true,
     "ipam": {"type": "host-local", "dataDir": "$mounts/cni", "ranges": [[{"subnet": "$pod_range", "gateway": "$node_ip"}]],
              "routes": [{"dst": "0.0.0.0/0"}]}},
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
END
    cat >"$config/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $node_ip
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $pki/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $pki/kubelet-serving.crt
tlsPrivateKeyFile: $pki/kubelet-serving.key
healthzBindAddress: 127.0.0.1
healthzPort: 10248
readOnlyPort: 0
clusterDomain: cluster.local
clusterDNS: [$dns_ip]
containerRuntimeEndpoint: unix://$containerd_socket
podLogsDir: $mounts/pod-logs
volumePluginDir: $mounts/volume-plugins
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%}
# Images cannot be pulled again here, so none is ever removed to make room.
imageMinimumGCAge: 8760h
imageGCHighThresholdPercent: 100
maxPods: 250
serializeImagePulls: false
# A change of a mounted ConfigMap or of readiness arrives within about a second instead of a minute.
syncFrequency: 1s
configMapAndSecretChangeDetectionStrategy: Watch
nodeStatusUpdateFrequency: 2s
nodeStatusReportFrequency: 30s
kubeAPIQPS: 500
kubeAPIBurst: 1000
registerWithTaints: []
END
    cat >"$config/kube-proxy.yaml" <<END
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
hostnameOverride: $node
clusterCIDR: $pod_range
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
clientConnection: {kubeconfig: $config/proxy.kubeconfig}
iptables: {minSyncPeriod: 100ms, syncPeriod: 30s}
conntrack: {maxPerCore: 0}
END
}

start_containerd() {
    launch containerd containerd --config "$config/containerd.toml" --log-level warn
}

start_kubelet() {
    launch kubelet "$bin/kubelet" --config "$config/kubelet.yaml" --kubeconfig "$config/kubelet.kubeconfig" \
        --root-dir "$mounts/kubelet" --cert-dir "$pki" --hostname-override "$node" --node-ip "$node_ip"
}

start_kube_proxy() {
    launch kube-proxy "$bin/kube-proxy" --config "$config/kube-proxy.yaml"
}

containerd_healthy() { ctr version; }
kubelet_healthy() { curl --silent --fail --max-time 2 http://127.0.0.1:10248/healthz; }
proxy_healthy() { curl --silent --fail --max-time 2 http://127.0.0.1:10256/healthz; }
node_ready() {
    [[ $(kubectl get node "$node" --output 'jsonpath={.status.conditions[?(@.type=="Ready")].status}') == True ]]
}

