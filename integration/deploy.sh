#!/usr/bin/env bash
# Brings a cluster to the state that the demo and the end-to-end tests need: images, both charts, the examples' node label.
# Safe to run again: unchanged images are not loaded twice, and only what runs a changed image is restarted.
#
#   integration/deploy.sh            builds the images first
#   integration/deploy.sh --built    takes them as they are in target/images
#
#   KUBECONFIG            the cluster to use; without it the local one, which is started
#   TARS_IMAGE_LOAD       how images get into another cluster, see integration/cluster/load-images.sh
#   FRAMEWORK_NAMESPACE   where the framework goes   (tars)
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/lib/common.sh"
usage "$@"
(($# == 0)) || [[ $# == 1 && $1 == --built ]] || misuse 'takes --built only'
cd "$ROOT"

FRAMEWORK=${FRAMEWORK_NAMESPACE:-tars}

# A KUBECONFIG that names the local cluster, as `env.sh` sets it, is no other cluster.
LOCAL=$TARS_CLUSTER_DIR/admin.kubeconfig
[ "${KUBECONFIG:-}" != "$LOCAL" ] || unset KUBECONFIG
# Objects of a release of another name, or what it left behind, become ours without asking on the cluster that is ours.
OWNERSHIP=()
[ -n "${KUBECONFIG:-}" ] || OWNERSHIP=(--take-ownership)

start_cluster() {
    if [ -z "${KUBECONFIG:-}" ]; then integration/cluster/up.sh; fi
}

use_cluster() {
    eval "$(integration/cluster/env.sh)"
    kubectl version >/dev/null || fail "the cluster of KUBECONFIG=$KUBECONFIG does not answer; start it or unset KUBECONFIG"
}

# Loads the image tars, and notes in CHANGED which of them differ from what ran here: the digests of their contents, which a commit
# alone does not change, are kept in the cluster itself.
load_images() {
    local tar name digest
    CHANGED=()
    integration/cluster/load-images.sh target/images/*.tar
    kubectl get configmap tars-loaded-images -n kube-system >/dev/null 2>&1 ||
        kubectl create configmap tars-loaded-images -n kube-system >/dev/null
    for tar in target/images/*.tar; do
        name=$(basename "$tar" .tar)
        digest=$(sed -n 's/.*"content": "sha256:\([0-9a-f]*\)".*/\1/p' "target/images/$name.json")
        [ "$(kubectl get configmap tars-loaded-images -n kube-system -o "jsonpath={.data.$name}")" = "$digest" ] && continue
        kubectl patch configmap tars-loaded-images -n kube-system --type merge -p "{\"data\":{\"$name\":\"$digest\"}}" >/dev/null
        CHANGED+=("$name")
    done
}

changed() {
    local name
    for name in "${CHANGED[@]+"${CHANGED[@]}"}"; do [ "$name" = "$1" ] && return; done
    return 1
}

# restart COMPONENT WORKLOAD: replaces its pods when its image changed and it ran before. The tag stays, so nothing else would.
restart() {
    if ! changed "$1" || ! kubectl get -n tars-system "$2" >/dev/null 2>&1; then return; fi
    kubectl rollout restart -n tars-system "$2"
    kubectl rollout status -n tars-system "$2" --timeout=120s >/dev/null
}

# install_chart CHART NAMESPACE ARGUMENT…
install_chart() {
    local chart=$1 namespace=$2 words
    shift 2
    words=$(helm upgrade --install "$chart" "helm/$chart" --namespace "$namespace" --create-namespace --timeout 180s \
        "${OWNERSHIP[@]}" "$@" 2>&1 >/dev/null) || {
        printf '%s\n' "$words" >&2
        [[ $words != *'invalid ownership metadata'* ]] || fail "this cluster has objects of $chart from a release of another name or \
namespace: uninstall that one (helm list -A), or run once, if it is gone or this one is to take them over: \
helm upgrade --install $chart helm/$chart -n $namespace --take-ownership"
        fail "helm could not install $chart; its words are above"
    }
}

install_controller() {
    restart tarscontroller deployment/tars-controller-manger
    restart tarswebhook deployment/tars-webhook-manger
    restart tarsagent daemonset/tars-agent
    install_chart tarscontroller tars-system --wait
    kubectl get pods -n tars-system
}

install_framework() {
    local node ran=
    # A node runs servers of a framework when its administrator says so; here every node may, and may hold local volumes.
    for node in $(kubectl get nodes -o name); do
        kubectl label --overwrite "$node" "tars.io/node.$FRAMEWORK=" tars.io/SupportLocalVolume= >/dev/null
    done
    if kubectl get -n "$FRAMEWORK" tserver/tars-tarsregistry >/dev/null 2>&1; then ran=yes; fi
    install_chart tarsframework "$FRAMEWORK"
    # As in `restart`: what this very installation made runs the right images already.
    if [ -n "$ran" ] && { changed tarsregistry || changed tarsnode; }; then
        kubectl delete pods -n "$FRAMEWORK" -l tars.io/ServerApp=tars --wait=false >/dev/null
    fi
    kubectl wait -n "$FRAMEWORK" tserver/tars-tarsregistry --for=condition=Ready --timeout=120s
    kubectl get tservers,pods -n "$FRAMEWORK"
}

remove_leftovers() {
    kubectl delete namespaces -l tars.io/e2e --wait=false 2>/dev/null | sed -n 's/^namespace/left over from an earlier run: &/p'
}

phase 'cluster' start_cluster
use_cluster
[ "${1:-}" = --built ] || phase 'images' integration/images/build.sh
phase 'load images' load_images
phase 'chart tarscontroller' install_controller
phase 'chart tarsframework' install_framework
remove_leftovers
summary
