#!/usr/bin/env bash
# Checks both charts: helm lint, the rendered objects, and the values that the schemas refuse. (A unit test compares the CRDs with the
# generated ones.)
#
#   helm/check.sh                  checks that need no cluster
#   KUBECONFIG=... helm/check.sh   also asks that API server whether it would accept each object; nothing is created
#
#   HELM      the program helm             (helm)
#   KUBECTL   the program kubectl          (kubectl)
#   VERBOSE   also print the checks that pass
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/../integration/lib/common.sh"
no_arguments "$@"
cd "$(dirname "$0")"

helm=${HELM:-helm}
kubectl=${KUBECTL:-kubectl}
# Without a cluster, helm needs a version of Kubernetes to compare with kubeVersion of the charts.
version=1.34.0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
passes=0

fail() {
  printf 'FAIL  %s\n' "$*" >&2
  failures=$((failures + 1))
}
pass() {
  passes=$((passes + 1))
  if [ -n "${VERBOSE:-}" ]; then printf 'ok    %s\n' "$*"; fi
}

command -v "$helm" >/dev/null || { echo "helm is not installed: set HELM to the program" >&2; exit 69; }

# --- lint -------------------------------------------------------------------------------------------------------------------------
for chart in tarscontroller tarscontroller/charts/crds tarsframework; do
  if "$helm" lint --strict --quiet --kube-version "$version" "$chart" >"$work/lint" 2>&1; then pass "lint $chart"; else fail "lint $chart"; cat "$work/lint" >&2; fi
done

# --- rendering --------------------------------------------------------------------------------------------------------------------
# render NAME CHART NAMESPACE ARGUMENT...: renders a chart to $work/NAME.yaml.
render() {
  local name=$1 chart=$2 namespace=$3
  shift 3
  if "$helm" template "$chart" "$chart" --kube-version "$version" -n "$namespace" "$@" >"$work/$name.yaml" 2>"$work/error"; then
    pass "render $name"
  else
    fail "render $name: $(cat "$work/error")"
    : >"$work/$name.yaml"
  fi
}

# count NAME PATTERN: prints how many lines of a rendering match.
count() { grep -cE -- "$2" "$work/$1.yaml" || true; }

# expect NAME NUMBER PATTERN TEXT: checks how many lines of a rendering match. TEXT says what that shows.
expect() {
  local found
  found=$(count "$1" "$3")
  if [ "$found" -eq "$2" ]; then pass "$1: $4"; else fail "$1: $4: expected $2 lines with $3, found $found"; fi
}

render controller tarscontroller tars-system
render controller-elsewhere tarscontroller default
render controller-all tarscontroller tars-system -f - <<'VALUES'
controller: {registry: "registry.example:5000/team", tag: v9, secret: pull, replicas: 3, logLevel: "info,kube=debug", nodeSelector: {disk: ssd},
  tolerations: [{operator: Exists}], priorityClassName: high, podAnnotations: {a: "b"}, imagePullPolicy: Always,
  affinity: {podAntiAffinity: {}}, resources: {limits: {cpu: "1"}}}
webhook: {replicas: 1, podDisruptionBudget: {enabled: false}, timeoutSeconds: 5}
agent: {tlv_in_host: /data/tars, maxUnavailable: 2, logLevel: debug}
crds: {servers: [v1beta1, v1beta2, v1beta3], storage: v1beta2}
networkPolicy: {metricsFrom: [{namespaceSelector: {matchLabels: {name: monitoring}}}]}
metrics: {serviceMonitor: {enabled: true, labels: {release: prometheus}}}
telemetry: {logFormat: text, otlpEndpoint: "http://collector:4317"}
VALUES
render controller-least tarscontroller tars-system --set networkPolicy.enabled=false,metrics.service.enabled=false,rbac.aggregate=false
render controller-issued tarscontroller tars-system --set certManager.enabled=true
render controller-issuer tarscontroller tars-system --set certManager.enabled=true,certManager.issuerRef.name=vault,certManager.issuerRef.kind=ClusterIssuer
render controller-old tarscontroller tars-system --kube-version 1.27.0
render framework tarsframework tars
render framework-all tarsframework tars -f - <<'VALUES'
framework: {registry: "registry.example:5000/team", tag: "20240101", secret: pull}
upload: {registry: "registry.example:5000/built", secret: push}
web: tars.example.com
elk: {nodes: ["es-0:9200", "es-1:9200"]}
registry: {replicas: 3, minReplicas: 1, logLevel: warn, grpc: {openReads: false}, notStacked: true, nodeSelector: [{key: disk, operator: In, values: [ssd]}], podDisruptionBudget: {enabled: false}}
frameworkConfig: {maxBuildTime: 300, recordLimit: {texitedPod: 50}, upChain: {default: [{host: 10.0.0.1, port: 17890}]}, expand: {key: value}}
VALUES
render framework-issued tarsframework tars --set registry.certManager.enabled=true
render framework-own-templates tarsframework tars --set templates.enabled=false

expect controller 11 '^kind: CustomResourceDefinition$' 'all CRDs'
expect controller 11 'helm.sh/resource-policy: keep' 'each CRD is kept on uninstall, and nothing else'
expect controller 0 '^kind: Namespace$' 'no namespace of its own where helm makes it'
expect controller-elsewhere 1 '^kind: Namespace$' 'makes the namespace when the release lives elsewhere'
expect controller-elsewhere 0 'namespace: "?default"?$' 'every object is in tars-system'
expect controller 0 'caBundle' 'no certificate in the chart'
expect controller 0 '^kind: Secret$' 'no secret in the chart'
expect controller 3 'readOnlyRootFilesystem: true' 'read-only root everywhere'
expect controller 3 'drop: \[ALL\]' 'no capabilities by default'
expect controller 2 'runAsUser: 65532' 'controller and webhook are not root'
expect controller 9 'grpc: \{port: 9446' 'three probes for each component'
expect controller 2 'secretName: tars-(controller|agent)-tls$' 'controller and agent mount their certificate'
expect controller 3 'mountPath: /etc/tars/log-level, readOnly: true' 'each component reads its log level from a file'
expect controller 0 'RUST_LOG' 'and not from its environment, whose change restarts pods'
expect controller-all 1 'tarscontroller: "info,kube=debug"$' 'the log level of the controller'
expect controller-all 1 'tarswebhook: "info"$' 'the log level of the webhook'
expect controller-all 1 'tarsagent: "debug"$' 'the log level of the agent'
expect controller 4 'failurePolicy: Fail' 'admission fails closed'
expect controller 3 'name: no-housekeeping-of-kubernetes$' 'the garbage collector waits for no webhook'
expect controller 2 'name: no-write-of-the-controller$' 'writes of the controller cost no review'
expect controller 2 'name: no-deletion-by-kubernetes$' 'a namespace can be deleted without a webhook'
expect controller-old 0 'matchConditions' 'no conditions where the API server does not know them'
expect controller-old 0 'optionalOldSelf|selectableFields' 'no parts of schemas that the API server does not know'
expect controller-old 24 'rule: self == oldSelf$' 'members that never change, in each version'
expect controller 9 'optionalOldSelf: true$' 'rules about the names of new objects'
expect controller 17 '^ +selectableFields:$' 'field selectors'
expect controller 2 '^kind: PodDisruptionBudget$' 'budgets for controller and webhook'
expect controller 2 'unhealthyPodEvictionPolicy: AlwaysAllow$' 'pods that are not ready hold up no drain'
expect controller-old 2 'unhealthyPodEvictionPolicy: AlwaysAllow$' 'also on older clusters'
expect controller 2 '^kind: FlowSchema$' 'people come before the controller, and Leases before people'
expect controller-old 0 '^kind: FlowSchema$' 'none where the API server does not know the version'
expect controller 1 'nominalConcurrencyShares: 5$' 'the share of the controller is small'
expect controller 1 'borrowingLimitPercent: 0$' 'and does not grow'
expect controller 1 'matchingPrecedence: 150$' 'requests for Leases are matched first'
expect controller 2 '^  name: tars-controller-manger$' 'the Deployment and its budget keep the name that tools use'
expect controller 1 'serviceAccountName: tars-controller$' 'the controller runs under the account that admission knows'
expect controller 2 '^  replicas: 2$' 'two replicas of controller and webhook'
expect controller 2 'topologySpreadConstraints:$' 'which are spread over nodes'
expect controller 1 '^provisioner: kubernetes.io/no-provisioner$' 'no provisioner for local volumes'
expect controller 1 '^reclaimPolicy: Delete$' 'local volumes go with their claims'
expect controller 1 '^volumeBindingMode: WaitForFirstConsumer$' 'a claim waits for its first pod'
expect controller 1 'key: tars.io/node, operator: Exists' 'agents run where servers may run'
expect controller 0 'cert-manager.io' 'no objects of cert-manager'
expect controller-issued 4 '^kind: Certificate$' 'an authority, and a certificate for each component'
expect controller-issued 2 '^kind: Issuer$' 'an issuer of the chart'
expect controller-issued 0 'verbs: \[get, list, watch, update\]$' 'the webhook writes no Secrets when cert-manager does'
expect controller-issued 1 'name: CERTIFICATE_ISSUER, value: cert-manager' 'the webhook knows the writer of its Secret'
expect controller-issued 0 'secretName: tars-(controller|agent)-tls$' 'no Secret has two writers'
expect controller-issued 5 'secretName: tars-(webhook|controller|agent)-cert-manager-tls$' 'controller and agent mount what cert-manager writes'
expect controller-issuer 3 '^kind: Certificate$' 'a certificate for each component'
expect controller-issuer 3 'name: vault$' 'signed by the issuer of the values'
expect controller-issuer 0 '^kind: Issuer$' 'and no issuer of the chart'
expect controller 1 'resources: \[tconfigs, tframeworkconfigs\]$' 'edit reads what can hold passwords, and view does not'
expect controller 4 'verbs: \[get, update\]$' 'Leases and the ConfigMap are replaced and never patched, and functions need no other verbs'
expect controller 1 'verbs: \[get, list, watch, update\]$' 'the Secrets are replaced and never patched'
expect controller 2 'automountServiceAccountToken: false' 'no pod runs under the accounts of callers'
expect controller 2 'resources: \[subjectaccessreviews\]$' 'only webhook and controller ask about rights in other namespaces'
expect controller 1 'resources: \[controlservice\]$' 'one role for questions about servers'
expect controller 1 'resources: \[tokenreviews\]$' 'one role for questions about tokens'
expect controller 3 '^kind: NetworkPolicy$' 'network policies'
expect controller-all 3 'image: "registry.example:5000/team/tars(controller|webhook|agent):v9"' 'images follow registry and tag'
expect controller-all 3 'imagePullSecrets:' 'pull secret'
expect controller-all 1 'path: "/data/tars"' 'volume folder'
expect controller-all 1 '^kind: PodDisruptionBudget$' 'one budget turned off'
expect controller-all 1 '^kind: ServiceMonitor$' 'monitor'
expect controller-least 0 '^kind: NetworkPolicy$' 'policies turned off'
expect controller-least 1 '^kind: Service$' 'only the webhook service is left'
# Stored versions: v1beta3 of each kind; with storage v1beta2 every kind has it.
expect controller 11 '^ +storage: true$' 'one stored version per kind'
expect controller-all 11 '^ +storage: true$' 'one stored version per kind, v1beta2'

expect framework 7 'kind: TTemplate$' 'templates'
expect framework 1 'kind: TFrameworkConfig$' 'settings'
expect framework 1 '^kind: TTree$' 'tree'
expect framework 1 'helm.sh/hook: ' 'the tree is the only hook'
expect framework 1 '^kind: TServer$' 'only servers that exist'
expect framework 3 'grpc: \{port: 17893, service: (liveness|readiness)\}' 'three probes for the registry'
expect framework 1 'service: readiness\}' 'only readiness depends on what the registry has read'
expect framework 1 'readOnlyRootFilesystem: true' 'read-only root for the registry'
expect framework 1 'drop: \[ALL\]' 'no capabilities for the registry'
expect framework 1 'runAsUser: 65532' 'the registry is not root'
expect framework 2 'seccompProfile: \{type: RuntimeDefault\}' 'seccomp for pod and container of the registry'
expect framework 0 'cert-manager.io' 'no objects of cert-manager'
expect framework-issued 2 '^kind: Certificate$' 'an authority, and the certificate of the registry'
expect framework-issued 0 'tars-registry-ca' 'the registry holds no authority when cert-manager does'
expect framework-issued 1 'name: CERTIFICATE_ISSUER, value: cert-manager' 'the registry knows the writer of its Secret'
expect framework 1 'secretName: tars-registry-tls' 'the registry mounts its certificate'
expect framework 1 'mountPath: /etc/tars/log-level, readOnly: true' 'the registry reads its log level from a file'
expect framework 0 'RUST_LOG' 'and not from its environment, whose change restarts pods'
expect framework-all 1 'tarsregistry: "warn"$' 'the log level of the registry'
expect framework 2 'automountServiceAccountToken: false' 'no pod runs under the accounts of callers'
expect framework 1 'verbs: \["list","get"\]$' 'the controller may tell tars-view about servers'
expect framework 1 'verbs: \["list","get","update"\]$' 'and compares them for tars-edit'
expect framework 2 '^kind: TImage$' 'node and registry image'
expect framework 1 'registry: "docker.io/tarsrs"' 'uploads go to the registry of the framework by default'
expect framework-all 1 'name: GRPC_OPEN_READS, value: "false"' 'lookups need a token'
expect framework-all 2 'id: "20240101"$' 'a numeric tag stays text'
expect framework-all 1 'es-1:9200$' 'stores in tars.es'
expect framework-all 0 '^kind: PodDisruptionBudget$' 'budget turned off'
expect framework-own-templates 0 'kind: TTemplate$' 'templates turned off'

# Rendering uses neither random numbers nor the clock, so a second time gives the same bytes.
"$helm" template tarsframework tarsframework --kube-version "$version" -n tars >"$work/again.yaml"
if cmp -s "$work/framework.yaml" "$work/again.yaml"; then pass "rendering is reproducible"; else fail "rendering differs from run to run"; fi

# --- refusals ---------------------------------------------------------------------------------------------------------------------
# refuse CHART WORD ARGUMENT...: checks that rendering fails, and that the message contains WORD.
refuse() {
  local chart=$1 word=$2
  shift 2
  if "$helm" template "$chart" "$chart" --kube-version "$version" -n tars-system "$@" >/dev/null 2>"$work/error"; then
    fail "$chart accepts $*"
  elif grep -q -- "$word" "$work/error"; then
    pass "$chart refuses $*"
  else
    fail "$chart refuses $* without naming $word: $(cat "$work/error")"
  fi
}

refuse tarscontroller 'replica' --set controller.replica=2
refuse tarscontroller 'replicas' --set controller.replicas=0
refuse tarscontroller 'registry' --set controller.registry=
refuse tarscontroller 'tag' --set controller.tag=1
refuse tarscontroller 'secret' --set controller.secret=Not_A_Name
refuse tarscontroller 'tlv_in_host' --set agent.tlv_in_host=relative/path
refuse tarscontroller 'tlv_in_host' --set agent.tlv_in_host=/data/../etc
refuse tarscontroller 'servers' --set 'crds.servers={v1beta2}'
refuse tarscontroller 'storage' --set crds.storage=v1
refuse tarscontroller 'imagePullPolicy' --set webhook.imagePullPolicy=Sometimes
refuse tarscontroller 'timeoutSeconds' --set webhook.timeoutSeconds=60
refuse tarscontroller 'logFormat' --set telemetry.logFormat=xml
refuse tarscontroller 'hooks' --set hooks.enabled=true
refuse tarsframework 'registry' --set framework.registry=UPPER/case
refuse tarsframework 'tag' --set framework.tag=V1
refuse tarsframework 'tag' --set framework.tag=1
refuse tarsframework 'replicas' --set registry.replicas=0
refuse tarsframework 'minReplicas' --set registry.minReplicas=5
refuse tarsframework 'minReplicas' --set registry.replicas=1
refuse tarsframework 'limits' --set registry.resources.limits.gpu=1
refuse tarsframework 'maxBuildTime' --set frameworkConfig.maxBuildTime=1
refuse tarsframework 'port' --set 'frameworkConfig.upChain.default[0].host=a'
refuse tarsframework 'nodes' --set 'elk.nodes={no-port}'
refuse tarsframework 'replica' --set replica=1

# --- documents --------------------------------------------------------------------------------------------------------------------
# The tables of values have a row for each value.
document=../docs/reference/chart-values.md
# list_keys FILE: prints the path of each leaf, and of each empty or inline map, of a values.yaml with an indentation of two spaces.
list_keys() {
  awk '
    /^ *#/ || /^ *$/ || /^ *- / { next }
    { match($0, /^ */); depth = RLENGTH / 2; line = substr($0, RLENGTH + 1); split(line, part, ":"); path[depth] = part[1]
      rest = substr(line, length(part[1]) + 2); sub(/^ +/, "", rest)
      if (rest != "") { name = path[0]; for (i = 1; i <= depth; i++) name = name "." path[i]; print name } }' "$1"
}
for chart in tarscontroller tarsframework; do
  undescribed=0
  while read -r key; do
    grep -qF -- "\`$key\`" "$document" || { fail "$document has no row for $key of $chart"; undescribed=1; }
  done < <(list_keys "$chart/values.yaml" | sed -E 's/\.(requests|limits)$//' | sort -u)
  [ "$undescribed" -eq 0 ] && pass "every value of $chart is described"
done

# --- a real API server ------------------------------------------------------------------------------------------------------------
if [ -n "${KUBECONFIG:-}" ]; then
  # The API server can check only objects whose kind and namespace exist. So the rendering with a ServiceMonitor is not checked.
  # ask NAME: checks that the API server would accept all objects of a rendering.
  ask() {
    if "$kubectl" apply --server-side --force-conflicts --dry-run=server --validate=strict --field-manager=chart-check \
        -f "$work/$1.yaml" >"$work/answer" 2>&1; then
      pass "API server accepts $1"
    else
      fail "API server refuses $1: $(grep -iE 'error|invalid|refused|denied|unknown' "$work/answer" | head -n 5)"
    fi
  }
  if "$kubectl" get namespace tars-system >/dev/null 2>&1; then
    ask controller
    ask controller-elsewhere
  else
    echo "skip  API server: namespace tars-system does not exist"
  fi
  # A dry run stores nothing, so admission finds the parent of a template only if the framework is installed.
  if "$kubectl" get ttemplate tars.default -n tars >/dev/null 2>&1; then
    ask framework
    ask framework-own-templates
  else
    echo "skip  API server: no framework in namespace tars"
  fi
fi

if [ "$failures" -gt 0 ]; then
  echo "charts: $failures of $((failures + passes)) checks failed" >&2
  exit 1
fi
echo "charts: $passes checks passed"
