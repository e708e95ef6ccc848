#!/usr/bin/env bash
# Shows the main job: starts a Kubernetes cluster, installs both charts, and declares two Tars servers (Rust and Go) as TServers. An
# unmodified TarsGo client finds them through the registry and calls them, also while one of their pods is deleted.
#
#   integration/demo.sh
#
#   KUBECONFIG        the cluster to use; when it is not set, the local cluster, which is started
#   TARS_IMAGE_LOAD   the command that loads images into another cluster, see integration/cluster/load-images.sh
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/lib/common.sh"
no_arguments "$@"
cd "$ROOT"

NAMESPACE=tars
EXAMPLES=(demo-echorust demo-echogo)
OBJECTS=(Demo.EchoRust.EchoObj Demo.EchoGo.EchoObj)

build() {
    integration/tools/build.sh
    integration/images/build.sh
    CLIENT_IMAGE=$(sed -n 's/.*"reference": "\(.*\)".*/\1/p' target/images/client-go.json)
}

deploy() {
    integration/deploy.sh --built
}

apply_examples() {
    local example
    for example in examples/echo-rust examples/echo-go; do
        kubectl apply -n "$NAMESPACE" -f "$example/manifests.yaml"
    done
    kubectl wait -n "$NAMESPACE" --for=condition=Ready --timeout=120s "${EXAMPLES[@]/#/tserver/}"
    echo
    kubectl get tservers -n "$NAMESPACE"
}

# run_client NAME ARGUMENT…: runs the TarsGo client in a pod, and shows its output. It knows only the locator.
run_client() {
    local name=$1
    shift
    start_client "$name" "$@"
    finish_client "$name"
}

start_client() {
    local name=$1
    shift
    kubectl delete pod -n "$NAMESPACE" "$name" --ignore-not-found --wait >/dev/null
    kubectl run "$name" -n "$NAMESPACE" --image "$CLIENT_IMAGE" --image-pull-policy IfNotPresent --restart Never -- "$@" >/dev/null
}

finish_client() {
    local phase=
    until [ "$phase" = Succeeded ] || [ "$phase" = Failed ]; do
        phase=$(kubectl get pod -n "$NAMESPACE" "$1" -o 'jsonpath={.status.phase}')
        sleep 0.2
    done
    kubectl logs -n "$NAMESPACE" "$1"
    kubectl delete pod -n "$NAMESPACE" "$1" --wait=false >/dev/null
    [ "$phase" = Succeeded ] || fail "the client $1 failed; its output is above"
}

make_first_call() {
    run_client demo-first-call --object "${OBJECTS[0]}" --calls 1 --wait 20s
}

make_thousand_calls() {
    local object
    for object in "${OBJECTS[@]}"; do
        run_client demo-client --object "$object" --calls 1000 --wait 20s
    done
}

# The client makes 200 calls a second while a pod is deleted. It goes on with the other pod until the StatefulSet has made a new one.
delete_pod() {
    start_client demo-client --object "${OBJECTS[0]}" --duration 12s --rate 200 --refresh 2s --wait 20s --allow-failed 2400
    kubectl wait -n "$NAMESPACE" pod/demo-client --for=jsonpath='{.status.phase}'=Running --timeout=30s >/dev/null
    echo "deleting pod ${EXAMPLES[0]}-0"
    kubectl delete pod -n "$NAMESPACE" "${EXAMPLES[0]}-0" --wait=false >/dev/null
    finish_client demo-client
    kubectl wait -n "$NAMESPACE" --for=condition=Ready --timeout=60s "tserver/${EXAMPLES[0]}"
}

print_next_steps() {
    cat <<TEXT

The cluster keeps running. Try next:
  eval "\$(integration/cluster/env.sh)"              # kubectl and helm for this cluster
  kubectl get tservers,tendpoints -n $NAMESPACE
  kubectl describe tserver demo-echorust -n $NAMESPACE   # conditions and Events explain its state
  kubectl scale tserver demo-echogo -n $NAMESPACE --replicas=3
  kubectl patch tserver demo-echorust -n $NAMESPACE --type merge -p '{"spec":{"release":{"id":"broken","image":"docker.io/tarsrs/none:v1"}}}'
  kubectl apply -n $NAMESPACE -f examples/echo-rust/manifests.yaml   # repairs it
  make test                                         # all checks, the end-to-end tests included
  make cluster-down                                 # stop the cluster and remove everything that it made
TEXT
}

need cargo 'install Rust 1.95 (https://rustup.rs)'
need go 'install Go (https://go.dev/dl)'
need_packages gcc libc6-dev ca-certificates openssl

phase 'build tools and images (once)' build
BUILT=$SECONDS
phase 'cluster, images, charts' deploy
eval "$(integration/cluster/env.sh)"
phase 'two Tars servers' apply_examples
phase 'first call' make_first_call
ANSWERED=$((SECONDS - BUILT))
phase '1,000 calls of a TarsGo client against each' make_thousand_calls
phase 'a pod is deleted while a client calls' delete_pod
summary
printf '  %5d s  from built tools to the first answered call\n' "$ANSWERED"
print_next_steps
