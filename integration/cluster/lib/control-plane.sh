# shellcheck shell=bash disable=SC2154
# Starts etcd, the API server, the controllers and the scheduler as processes of the machine.

start_etcd() {
    # etcd does not sync its data to disk. The cluster is temporary, and a crash of the machine ends it anyway.
    launch etcd "$bin/etcd" --name local --data-dir "$cluster_dir/etcd" --unsafe-no-fsync \
        --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
        --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
        --initial-cluster local=http://127.0.0.1:2380 --log-level warn
}

start_api_server() {
    launch kube-apiserver "$bin/kube-apiserver" \
        --bind-address "$node_ip" --secure-port "$api_port" --advertise-address "$node_ip" \
        --etcd-servers http://127.0.0.1:2379 \
        --service-cluster-ip-range "$service_range" \
        --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
        --client-ca-file "$pki/ca.crt" --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
        --allow-privileged \
        --service-account-issuer https://kubernetes.default.svc.cluster.local \
        --service-account-key-file "$pki/service-accounts.pub" --service-account-signing-key-file "$pki/service-accounts.key" \
        --kubelet-certificate-authority "$pki/ca.crt" --kubelet-preferred-address-types InternalIP \
        --kubelet-client-certificate "$pki/apiserver-kubelet.crt" --kubelet-client-key "$pki/apiserver-kubelet.key"
}

start_controllers() {
    # With the default of 20 requests a second these two would limit every benchmark on the cluster.
    launch kube-controller-manager "$bin/kube-controller-manager" --bind-address 127.0.0.1 \
        --kubeconfig "$config/controller-manager.kubeconfig" --leader-elect=false --use-service-account-credentials \
        --root-ca-file "$pki/ca.crt" --service-account-private-key-file "$pki/service-accounts.key" \
        --cluster-signing-cert-file "$pki/ca.crt" --cluster-signing-key-file "$pki/ca.key" \
        --kube-api-qps 500 --kube-api-burst 1000
    launch kube-scheduler "$bin/kube-scheduler" --bind-address 127.0.0.1 --leader-elect=false \
        --kubeconfig "$config/scheduler.kubeconfig" --kube-api-qps 500 --kube-api-burst 1000
}

# Grants the rights that some of our programs need and that the default roles of the API server do not contain.
grant_rights() {
    kubectl apply --server-side --filename - <<'END'
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "tars-local:kubelet-clients"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:kubelet-api-admin"}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "tars-local:kubelet-clients"}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "system:coredns"}
rules:
  - {apiGroups: [""], resources: [namespaces, pods, services], verbs: [list, watch]}
  - {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "system:coredns"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:coredns"}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:coredns"}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "system:kwok"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:kwok"}]
END
}

etcd_healthy() { curl --silent --fail --max-time 2 http://127.0.0.1:2379/health; }
api_healthy() { kubectl get --raw /readyz --request-timeout 2s; }
# These two make their own certificates in memory, so curl cannot check them. The address is that of this machine.
controllers_healthy() { curl --silent --fail --insecure --max-time 2 https://127.0.0.1:10257/healthz; }
scheduler_healthy() { curl --silent --fail --insecure --max-time 2 https://127.0.0.1:10259/healthz; }
