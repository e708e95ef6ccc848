# shellcheck shell=bash disable=SC2154
# Starts the cluster DNS: CoreDNS as a process that listens on the bridge, behind the usual Service kube-dns.

start_dns() {
    local upstream=''
    # CoreDNS asks the name servers of the machine, if it has any, for the names of other networks.
    if grep -q '^nameserver' /etc/resolv.conf 2>/dev/null; then
        upstream='forward . /etc/resolv.conf'
    fi
    cat >"$config/Corefile" <<END
.:53 {
    bind $node_ip
    errors
    ready 127.0.0.1:10255
    kubernetes cluster.local in-addr.arpa {
        kubeconfig $config/coredns.kubeconfig
        pods insecure
        fallthrough in-addr.arpa
        ttl 5
    }
    $upstream
    cache 5 {
        disable success cluster.local
        disable denial cluster.local
    }
    loadbalance
}
END
    launch coredns "$bin/coredns" -conf "$config/Corefile"
    kubectl apply --server-side --filename - <<END >/dev/null
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system, labels: {k8s-app: kube-dns, kubernetes.io/name: CoreDNS}}
spec:
  clusterIP: $dns_ip
  ports:
    - {name: dns, port: 53, protocol: UDP}
    - {name: dns-tcp, port: 53, protocol: TCP}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kube-dns, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}
addressType: IPv4
endpoints: [{addresses: ["$node_ip"], conditions: {ready: true}}]
ports:
  - {name: dns, port: 53, protocol: UDP}
  - {name: dns-tcp, port: 53, protocol: TCP}
END
}

dns_healthy() { curl --silent --fail --max-time 2 http://127.0.0.1:10255/ready; }
