# shellcheck shell=bash disable=SC2154
# Simulates nodes. Each is only an object: kwok keeps it Ready, and reports that its pods run.

simulate_nodes() {
    local count=$1 number
    launch kwok "$bin/kwok" --kubeconfig "$config/kwok.kubeconfig" --server-address 127.0.0.1:10247 \
        --config "$bin/kwok-stages.yaml" \
        --manage-all-nodes=false --manage-nodes-with-annotation-selector kwok.x-k8s.io/node=fake
    # The taint keeps pods away that must really run. A test of many nodes removes it:
    # kubectl taint nodes --selector type=kwok kwok.x-k8s.io/node-
    for ((number = 0; number < count; number++)); do
        cat <<END
---
apiVersion: v1
kind: Node
metadata:
  name: kwok-$number
  annotations: {kwok.x-k8s.io/node: fake, node.alpha.kubernetes.io/ttl: "0"}
  labels: {kubernetes.io/hostname: kwok-$number, kubernetes.io/os: linux, kubernetes.io/arch: amd64, type: kwok}
spec:
  taints: [{key: kwok.x-k8s.io/node, value: fake, effect: NoSchedule}]
END
    done | kubectl create --filename - 2>&1 | grep -v -e AlreadyExists -e ' created$' || true
}

simulated_ready() {
    local ready
    ready=$(kubectl get nodes --selector type=kwok --output 'jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' | grep -c True)
    ((ready >= $1))
}
