#!/usr/bin/env bash
# Prepares a cluster for the demo and the end-to-end tests: loads the images, installs both charts and labels the nodes.
# A second run loads only images that have changed, and restarts only the pods of these images.
#
#   integration/deploy.sh            builds the images first
#   integration/deploy.sh --built    uses the images that are in target/images
#
#   KUBECONFIG            the cluster to use; when it is not set, the local cluster, which is started
#   TARS_IMAGE_LOAD       the command that loads images into another cluster, see integration/cluster/load-images.sh
#   FRAMEWORK_NAMESPACE   the namespace of the framework   (tars)
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/lib/common.sh"
usage "$@"
(($# == 0)) || [[ $# == 1 && $1 == --built ]] || misuse 'takes --built only'
cd "$ROOT"

FRAMEWORK=${FRAMEWORK_NAMESPACE:-tars}

# `env.sh` sets KUBECONFIG to the local cluster. That is not another cluster.
LOCAL=$TARS_CLUSTER_DIR/admin.kubeconfig
[ "${KUBECONFIG:-}" != "$LOCAL" ] || unset KUBECONFIG
# On the local cluster, helm may take over objects of a release with another name.
OWNERSHIP=()
[ -n "${KUBECONFIG:-}" ] || OWNERSHIP=(--take-ownership)

start_cluster() {
    if [ -z "${KUBECONFIG:-}" ]; then integration/cluster/up.sh; fi
}

use_cluster() {
    eval "$(integration/cluster/env.sh)"
    kubectl version >/dev/null || fail "the cluster of KUBECONFIG=$KUBECONFIG does not answer: start it, or unset KUBECONFIG"
}

# Loads the image archives, and sets CHANGED to those that differ from the ones of the last run. The cluster keeps the digests of the
# contents, which a new commit alone does not change.
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

is_changed() {
    local name
    for name in "${CHANGED[@]+"${CHANGED[@]}"}"; do [ "$name" = "$1" ] && return; done
    return 1
}

# read_generation WORKLOAD: prints a number that changes with the workload, or nothing when there is none.
read_generation() {
    kubectl get -n tars-system "$1" --ignore-not-found -o 'jsonpath={.metadata.generation}'
}

# restart COMPONENT WORKLOAD GENERATION: replaces the pods of a workload whose image has changed. Kubernetes does not replace them, because
# the tag is the same. GENERATION is from before the upgrade: an upgrade that makes or changes the workload makes new pods anyway.
restart() {
    if ! is_changed "$1" || [ "$(read_generation "$2")" != "$3" ]; then return; fi
    kubectl rollout restart -n tars-system "$2"
    kubectl rollout status -n tars-system "$2" --timeout=120s >/dev/null
}

# show_troubles NAMESPACE: prints what keeps the pods of a namespace from being ready.
show_troubles() {
    local pod
    {
        echo "pods, warnings and ends of logs in namespace $1:"
        kubectl get nodes,pods -n "$1" -o wide
        kubectl events -n "$1" --types=Warning | tail -n 15
        for pod in $(kubectl get pods -n "$1" -o name); do
            kubectl logs -n "$1" "$pod" --all-containers --prefix --tail=8
        done
    } >&2 || true
}

# install_chart CHART NAMESPACE ARGUMENT…: installs or upgrades a chart.
install_chart() {
    local chart=$1 namespace=$2 words
    shift 2
    words=$(helm upgrade --install "$chart" "helm/$chart" --namespace "$namespace" --create-namespace --timeout 300s \
        "${OWNERSHIP[@]}" "$@" 2>&1 >/dev/null) || {
        printf '%s\n' "$words" >&2
        [[ $words != *'invalid ownership metadata'* ]] || fail "this cluster has objects of $chart that belong to a release with another name or \
namespace. Uninstall that release (helm list -A). Or, if it does not exist any more or its objects may be taken over, run once: \
helm upgrade --install $chart helm/$chart -n $namespace --take-ownership"
        show_troubles "$namespace"
        fail "helm could not install $chart; its message and the state of its pods are above"
    }
}

install_controller() {
    local controller webhook agent
    controller=$(read_generation deployment/tars-controller-manger)
    webhook=$(read_generation deployment/tars-webhook-manger)
    agent=$(read_generation daemonset/tars-agent)
    # First the chart, because a new program can need what the new chart gives it, such as a port.
    install_chart tarscontroller tars-system --wait
    restart tarscontroller deployment/tars-controller-manger "$controller"
    restart tarswebhook deployment/tars-webhook-manger "$webhook"
    restart tarsagent daemonset/tars-agent "$agent"
    kubectl get pods -n tars-system
}

install_framework() {
    local node ran=
    # A node runs servers of a framework only when a label allows it. Here every node may run them, also with local volumes.
    for node in $(kubectl get nodes -o name); do
        kubectl label --overwrite "$node" "tars.io/node.$FRAMEWORK=" tars.io/SupportLocalVolume= >/dev/null
    done
    if kubectl get -n "$FRAMEWORK" tserver/tars-tarsregistry >/dev/null 2>&1; then ran=yes; fi
    install_chart tarsframework "$FRAMEWORK"
    # As in `restart`: pods that this installation made have the right images.
    if [ -n "$ran" ] && { is_changed tarsregistry || is_changed tarsnode; }; then
        kubectl delete pods -n "$FRAMEWORK" -l tars.io/ServerApp=tars --wait=false >/dev/null
    fi
    kubectl wait -n "$FRAMEWORK" tserver/tars-tarsregistry --for=condition=Ready --timeout=120s
    kubectl get tservers,pods -n "$FRAMEWORK"
}

remove_leftovers() {
    kubectl delete namespaces -l tars.io/e2e --wait=false 2>/dev/null | sed -n 's/^namespace/removing what an earlier run left: &/p'
}

phase 'cluster' start_cluster
use_cluster
[ "${1:-}" = --built ] || phase 'images' integration/images/build.sh
phase 'load images' load_images
phase 'chart tarscontroller' install_controller
phase 'chart tarsframework' install_framework
remove_leftovers
summary
