{{/* The settings of the framework. A setting that the values do not have comes from the object in the cluster. So settings of people
     survive upgrades, and a move from K8SFramework. */}}
{{- define "tars.frameworkConfig" -}}
{{- $config := .Values.frameworkConfig }}
{{- $live := lookup (include "tars.apiVersion" .) "TFrameworkConfig" .Release.Namespace "tars-framework" | default dict }}
{{- $build := default dict $live.imageBuild }}
{{- $limits := default dict $live.recordLimit -}}
apiVersion: {{ include "tars.apiVersion" . }}
kind: TFrameworkConfig
metadata:
  name: tars-framework
  namespace: {{ .Release.Namespace }}
  labels: {{- include "tars.labels" . | nindent 4 }}
imageUpload:
  registry: {{ default .Values.framework.registry .Values.upload.registry | quote }}
  secret: {{ .Values.upload.secret | quote }}
imageBuild:
  maxBuildTime: {{ include "tars.kept" (list $config.maxBuildTime $build.maxBuildTime 600) }}
  idFormat: {{ default "" $build.idFormat | quote }}
  executor:
    image: {{ default (include "tars.image" (dict "root" . "name" "tarskaniko")) $config.executorImage | quote }}
    secret: {{ .Values.framework.secret | quote }}
nodeImage:
  image: {{ include "tars.image" (dict "root" . "name" "tarsnode") | quote }}
  secret: {{ .Values.framework.secret | quote }}
{{- $timezone := kindIs "invalid" $config.hostTimezone | ternary $live.hostTimezone $config.hostTimezone }}
{{- if not (kindIs "invalid" $timezone) }}
hostTimezone: {{ $timezone }}
{{- end }}
recordLimit:
  timageRelease: {{ include "tars.kept" (list $config.recordLimit.timageRelease $limits.timageRelease 60) }}
  texitedPod: {{ include "tars.kept" (list $config.recordLimit.texitedPod $limits.texitedPod 32) }}
  tconfigHistory: {{ include "tars.kept" (list $config.recordLimit.tconfigHistory $limits.tconfigHistory 32) }}
upChain: {{- toYaml (kindIs "invalid" $config.upChain | ternary (default dict $live.upChain) $config.upChain) | nindent 2 }}
expand: {{- toYaml (kindIs "invalid" $config.expand | ternary (default (dict "nativeDBConfig" "" "nativeFrameworkConfig" "") $live.expand) $config.expand) | nindent 2 }}
{{- end -}}

{{/* A default template. Argument: (dict "root" $ "name" "tars.cpp") */}}
{{- define "tars.template" -}}
apiVersion: {{ include "tars.apiVersion" .root }}
kind: TTemplate
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "tars.labels" .root | nindent 4 }}
spec:
  parent: tars.default
  content: |
    {{- tpl (.root.Files.Get (printf "files/templates/%s.conf" .name)) .root | trim | nindent 4 }}
{{- end -}}
