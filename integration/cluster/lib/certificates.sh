# shellcheck shell=bash disable=SC2154
# Makes one certificate authority for the cluster, a key for service account tokens, and a certificate and a kubeconfig for each program.

# issue FILE SUBJECT USAGE [ALTERNATIVE-NAMES]: makes a key and a certificate.
issue() {
    local file=$pki/$1
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$file.key" -out "$file.csr" -subj "$2" 2>/dev/null
    openssl x509 -req -in "$file.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -days 3650 -out "$file.crt" -extfile <(
        echo "basicConstraints = critical, CA:FALSE"
        echo "keyUsage = critical, digitalSignature"
        echo "extendedKeyUsage = $3"
        [[ -z ${4:-} ]] || echo "subjectAltName = $4"
    ) 2>/dev/null
    rm -f "$file.csr"
}

# write_kubeconfig FILE CERTIFICATE: writes a kubeconfig that contains its certificates, so it can be copied elsewhere.
write_kubeconfig() {
    cat >"$1" <<END
apiVersion: v1
kind: Config
clusters:
  - name: tars-local
    cluster:
      server: $server
      certificate-authority-data: $(base64 --wrap 0 "$pki/ca.crt")
users:
  - name: $2
    user:
      client-certificate-data: $(base64 --wrap 0 "$pki/$2.crt")
      client-key-data: $(base64 --wrap 0 "$pki/$2.key")
contexts:
  - name: tars-local
    context: {cluster: tars-local, user: $2}
current-context: tars-local
END
}

make_certificates() {
    [[ ! -e $pki/done ]] || return 0
    (
        umask 077
        rm -rf "$pki"
        mkdir -p "$pki"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$pki/ca.key" -out "$pki/ca.crt" \
            -days 3650 -subj "/CN=tars-local-ca" -addext "keyUsage = critical, keyCertSign, cRLSign" 2>/dev/null
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out "$pki/service-accounts.key" 2>/dev/null
        openssl pkey -in "$pki/service-accounts.key" -pubout -out "$pki/service-accounts.pub"

        issue apiserver /CN=kube-apiserver serverAuth "IP:$node_ip, IP:$api_ip, IP:127.0.0.1, DNS:localhost, DNS:kubernetes, \
DNS:kubernetes.default, DNS:kubernetes.default.svc, DNS:kubernetes.default.svc.cluster.local"
        issue apiserver-kubelet /O=tars-local:kubelet-clients/CN=kube-apiserver-kubelet-client clientAuth
        issue kubelet-serving "/O=system:nodes/CN=system:node:$node" serverAuth "IP:$node_ip, DNS:$node"
        issue admin /O=system:masters/CN=admin clientAuth
        issue kubelet "/O=system:nodes/CN=system:node:$node" clientAuth
        issue controller-manager /CN=system:kube-controller-manager clientAuth
        issue scheduler /CN=system:kube-scheduler clientAuth
        issue proxy /CN=system:kube-proxy clientAuth
        issue coredns /CN=system:coredns clientAuth
        issue kwok /CN=system:kwok clientAuth

        write_kubeconfig "$admin" admin
        local user
        for user in kubelet controller-manager scheduler proxy coredns kwok; do
            write_kubeconfig "$config/$user.kubeconfig" "$user"
        done
        touch "$pki/done"
    )
}
