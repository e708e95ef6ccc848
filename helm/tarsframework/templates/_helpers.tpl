{{- define "tars.labels" -}}
app.kubernetes.io/part-of: tars
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Values.framework.tag | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end -}}

{{/* The version of the custom resources. Every object of such a kind takes it from here, so this is where a missing chart
     tarscontroller is noticed; otherwise the first lookup would fail with a message of helm. Without a cluster (helm template, helm
     lint) helm knows no version and finds no namespace, and nothing is checked. */}}
{{- define "tars.apiVersion" -}}
{{- $version := printf "k8s.tars.io/%s" .Chart.AppVersion }}
{{- if not (.Capabilities.APIVersions.Has $version) }}
{{- if lookup "v1" "Namespace" "" "" }}
{{- fail "the custom resources are missing: install the chart tarscontroller first" }}
{{- end }}
{{- end }}
{{- $version }}
{{- end -}}

{{/* The reference of an image. Argument: (dict "root" $ "name" "tarsregistry") */}}
{{- define "tars.image" -}}
{{ printf "%s/tars.%s:%s" .root.Values.framework.registry .name .root.Values.framework.tag }}
{{- end -}}

{{/*
The releases of a TImage: first the release of this chart, then the other releases of the object in the cluster. So people can roll
back after an upgrade. Without a cluster (helm template) there is only the first one.
Argument: (dict "root" $ "image" NAME-OF-TIMAGE "id" ID "name" NAME-OF-IMAGE)
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
{{- /* The schema allows 120 releases. */ -}}
{{- toYaml (slice (prepend $releases $release) 0 (min 120 (add1 (len $releases)) | int)) }}
{{- end -}}

{{/* The probes of a framework service, over gRPC health. Argument: the port. Liveness holds as long as the process answers. Readiness
     holds once the service has read its objects and listens at its Tars ports. It still holds when the API server is away, because the
     service goes on with the objects that it knows. It does not depend on the gate tars.io/active, so neither waits for the other. */}}
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

{{/* podSecurityContext and securityContext of a TServer, for the Pod Security Standard "restricted". */}}
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

{{/* A number from the values, else from the object in the cluster, else the default. Argument: (list VALUE LIVE DEFAULT) */}}
{{- define "tars.kept" -}}
{{- $value := index . 0 }}{{- $live := index . 1 }}{{- $default := index . 2 }}
{{- if not (kindIs "invalid" $value) }}{{ int $value }}{{ else if $live }}{{ int $live }}{{ else }}{{ $default }}{{ end }}
{{- end -}}
