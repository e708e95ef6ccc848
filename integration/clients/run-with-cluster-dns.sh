#!/usr/bin/env bash
# Runs a command on this host with the DNS of the cluster. Names such as `demo-echorust-0.demo-echorust` then resolve as in a pod of the
# namespace. The host must reach the pods and Services of the cluster. The script makes a mount namespace, so it needs root.
#
#   run-with-cluster-dns.sh NAMESPACE COMMAND [ARGUMENT...]
#
#   CLUSTER_DNS    the address of the cluster's DNS   (that of the Service kube-system/kube-dns, which kubectl tells)
#   CLUSTER_ZONE   the domain of the cluster          (cluster.local)
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/../lib/common.sh"
usage "$@"
[[ $# -ge 2 && $1 != -* ]] || misuse 'needs a namespace and a command to run'
[ "$(id -u)" -eq 0 ] || fail "this script makes a mount namespace, which needs root: run it as root, or run the image of the client in a pod"
namespace=$1
shift
# The clients beside this script fetch their packages now, with the DNS of the host.
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
# The bind mount exists only in the mount namespace of the command.
# shellcheck disable=SC2016 # expanded by the inner shell
unshare --mount --propagation private \
    sh -c 'mount --bind "$1" "$(readlink -f /etc/resolv.conf)" && shift && exec "$@"' sh "$resolv" "$@"
