#!/usr/bin/env bash
# Runs a command on this host with the cluster's DNS, so that names such as `demo-echorust-0.demo-echorust` resolve as they do in a
# pod of the namespace. Needs root (a mount namespace of its own) and a host that reaches the cluster's pods and Services.
#
#   run-with-cluster-dns.sh NAMESPACE COMMAND [ARGUMENT...]
#
# CLUSTER_DNS is the address of the cluster's DNS, by default that of the Service kube-system/kube-dns, which kubectl is asked for.
# CLUSTER_ZONE is the cluster's domain, by default cluster.local.
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/../lib/common.sh"
usage "$@"
[[ $# -ge 2 && $1 != -* ]] || misuse 'needs a namespace and a command to run'
[ "$(id -u)" -eq 0 ] || fail "a mount namespace needs root; run it as root, or use the client's image in a pod"
namespace=$1
shift
# What the clients beside this script need is fetched with the host's own DNS.
case $1 in
    "$(dirname "$0")"/run-*.sh) "$1" --prepare ;;
esac
dns=${CLUSTER_DNS:-$(kubectl -n kube-system get service kube-dns -o 'jsonpath={.spec.clusterIP}')}
zone=${CLUSTER_ZONE:-cluster.local}

resolv=$(mktemp)
trap 'rm -f "$resolv"' EXIT INT TERM
cat >"$resolv" <<EOF
nameserver $dns
search $namespace.svc.$zone svc.$zone $zone
options ndots:2
EOF
# The bind mount lives in the mount namespace of the command only.
# shellcheck disable=SC2016 # expanded by the inner shell
unshare --mount --propagation private \
    sh -c 'mount --bind "$1" "$(readlink -f /etc/resolv.conf)" && shift && exec "$@"' sh "$resolv" "$@"
