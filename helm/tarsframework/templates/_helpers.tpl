{{- define "tars.labels" -}}
app.kubernetes.io/part-of: tars
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Values.framework.tag | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end -}}

{{/* All that names a custom resource gets its version here, hence the check: else the first lookup fails in words of its own. Without
     a cluster (helm template, helm lint) no version is known, and no namespace is found either. */}}
{{- define "tars.apiVersion" -}}
{{- $version := printf "k8s.tars.io/%s" .Chart.AppVersion }}
{{- if not (.Capabilities.APIVersions.Has $version) }}
{{- if lookup "v1" "Namespace" "" "" }}
{{- fail "the custom resources are missing: install the chart tarscontroller first" }}
{{- end }}
{{- end }}
{{- $version }}
{{- end -}}

{{/* (dict "root" $ "name" "tarsregistry") */}}
{{- define "tars.image" -}}
{{ printf "%s/tars.%s:%s" .root.Values.framework.registry .name .root.Values.framework.tag }}
{{- end -}}

{{/*
The releases of a TImage: the one of this chart first, then those that the live object has beside it, so that the history which
people roll back from survives an upgrade. Without a cluster (helm template) only the first is known.
(dict "root" $ "image" NAME-OF-TIMAGE "id" ID "name" NAME-OF-IMAGE)
*/}}
{{- define "tars.releases" -}}
{{- $release := dict "id" .id "image" (include "tars.image" (dict "root" .root "name" .name)) "createPerson" "helm" }}
{{- with .root.Values.framework.secret }}
{{- $_ := set $release "secret" . }}
{{- end }}
{{- $live := lookup (include "tars.apiVersion" .root) "TImage" .root.Release.Namespace .image }}
{{- $releases := list }}
{{- range (default list $live.releases) }}
{{- if ne .id $release.id }}
{{- $releases = append $releases . }}
{{- else if .createTime }}
{{- $_ := set $release "createTime" .createTime }}
{{- end }}
{{- end }}
{{- /* The schema ends the list at 120 */ -}}
{{- toYaml (slice (prepend $releases $release) 0 (min 120 (add1 (len $releases)) | int)) }}
{{- end -}}

{{/* Probes of a framework service, over its gRPC health. "liveness" answers as long as the process does. "readiness" answers once the
     lists are read and the Tars ports listen, and goes on while the API server is away: what is known is served, and nobody is
     restarted for what a restart would not bring back. It does not ask for the gate tars.io/active, so neither waits for the other. */}}
{{- define "tars.probes" -}}
startupProbe:
  grpc: {port: {{ . }}, service: liveness}
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  grpc: {port: {{ . }}, service: liveness}
  periodSeconds: 10
  timeoutSeconds: 3
readinessProbe:
  grpc: {port: {{ . }}, service: readiness}
  periodSeconds: 2
  timeoutSeconds: 2
{{- end -}}

{{/* For podSecurityContext and securityContext of a TServer */}}
{{- define "tars.restrictedPod" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "tars.restrictedContainer" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* The number that the values say, else the live one, else the default: (list VALUE LIVE DEFAULT) */}}
{{- define "tars.kept" -}}
{{- $value := index . 0 }}{{- $live := index . 1 }}{{- $default := index . 2 }}
{{- if not (kindIs "invalid" $value) }}{{ int $value }}{{ else if $live }}{{ int $live }}{{ else }}{{ $default }}{{ end }}
{{- end -}}
