#!/usr/bin/env bash
# Tests the charts with the real cert-manager: builds it, starts it beside the local cluster, and lets it take over the certificates,
# replace its authority twice and hand the certificates back, while reviews go on. Takes no arguments.
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/lib/common.sh"
no_arguments "$@"
cd "$ROOT"

integration/deploy.sh
integration/tools/build.sh cert-manager
TOOL=$(integration/tools/build.sh --dir cert-manager)
eval "$(integration/cluster/env.sh)"
kubectl apply --server-side -f "$TOOL/crds.yaml"
kubectl wait --for condition=Established --timeout 60s -f "$TOOL/crds.yaml"

FRAMEWORK=${FRAMEWORK_NAMESPACE:-tars}
LOG=$(mktemp)
"$TOOL/cert-manager" >"$LOG" 2>&1 &
PID=$!
clean_up() {
    local status=$?
    kill "$PID" 2>/dev/null || true
    if ((status != 0)); then
        tail -n 30 "$LOG" >&2
        # While the kinds of cert-manager exist, the charts can give up their objects.
        helm upgrade tarscontroller helm/tarscontroller -n tars-system --reuse-values --set certManager.enabled=false >/dev/null || true
        helm upgrade tarsframework helm/tarsframework -n "$FRAMEWORK" --reuse-values --set registry.certManager.enabled=false >/dev/null || true
    fi
    rm -f "$LOG"
    kubectl delete --ignore-not-found -f "$TOOL/crds.yaml" >/dev/null
    kubectl delete secret --ignore-not-found -n tars-system tars-cert-manager-ca \
        tars-{webhook,controller,agent}-cert-manager-tls >/dev/null
    kubectl delete secret --ignore-not-found -n "$FRAMEWORK" tars-cert-manager-ca tars-registry-cert-manager-tls >/dev/null
}
trap clean_up EXIT
# Until it has issued something, a cert-manager that cannot work looks like one that is slow.
kubectl apply -f - <<'YAML'
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: tars-test, namespace: default}
spec: {selfSigned: {}}
YAML
kubectl wait --for condition=Ready --timeout 60s -n default issuer/tars-test
cargo test --locked -p e2e --test cert_manager -- --ignored --nocapture
