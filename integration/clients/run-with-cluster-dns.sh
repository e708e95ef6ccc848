#!/bin/sh
# Runs a command on this host with the cluster's DNS, so that names such as `demo-echorust-0.demo-echorust` resolve as they do in a
# pod of the namespace. Needs root (a mount namespace of its own) and a host that reaches the cluster's pods and Services.
#
#   run-with-cluster-dns.sh [-n NAMESPACE] [-d DNS_ADDRESS] [-z CLUSTER_ZONE] COMMAND [ARGUMENT...]
#
# Without -d the address is that of the Service kube-system/kube-dns, asked for with kubectl.
set -eu

namespace=tars dns= zone=cluster.local
while getopts n:d:z: flag; do
    case $flag in
        n) namespace=$OPTARG ;;
        d) dns=$OPTARG ;;
        z) zone=$OPTARG ;;
        *) exit 64 ;;
    esac
done
shift $((OPTIND - 1))
if [ $# -eq 0 ]; then
    echo "run-with-cluster-dns.sh: give a command to run" >&2
    exit 64
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "run-with-cluster-dns.sh: a mount namespace needs root; run it as root or use the client's image in a pod" >&2
    exit 64
fi
if [ -z "$dns" ]; then
    dns=$(kubectl -n kube-system get service kube-dns -o 'jsonpath={.spec.clusterIP}')
fi

resolv=$(mktemp)
trap 'rm -f "$resolv"' EXIT INT TERM
cat >"$resolv" <<EOF
nameserver $dns
search $namespace.svc.$zone svc.$zone $zone
options ndots:2
EOF
# The bind mount lives in the namespace of the command only; nsswitch.conf is left alone, its `files dns` is what pods have too.
unshare --mount --propagation private sh -c 'mount --bind "$1" "$(readlink -f /etc/resolv.conf)" && shift && exec "$@"' sh "$resolv" "$@"
