{{/* The namespace of all objects of this chart. It must stay, because the address of the webhook, the accounts that admission exempts
     and existing tools contain it. */}}
{{- define "tars.namespace" -}}tars-system{{- end -}}

{{- define "tars.labels" -}}
app.kubernetes.io/part-of: tars
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Values.controller.tag | toString | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end -}}

{{/* The reference of an image. Argument: (dict "root" $ "name" "tarswebhook") */}}
{{- define "tars.image" -}}
{{ printf "%s/%s:%s" .root.Values.controller.registry .name (toString .root.Values.controller.tag) | quote }}
{{- end -}}

{{/* The part of a pod that all components share. Argument: (dict "root" $ "values" VALUES-OF-THE-COMPONENT) */}}
{{- define "tars.podSpec" -}}
enableServiceLinks: false
{{- with .root.Values.controller.secret }}
imagePullSecrets:
  - name: {{ . | quote }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The placement of a component with replicas. Argument: (dict "values" VALUES-OF-THE-COMPONENT "label" LABEL-OF-ITS-PODS) */}}
{{- define "tars.spread" -}}
{{- with .values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{ .label }}: "true"
{{- end -}}

{{- define "tars.telemetryEnv" -}}
- name: LOG_FORMAT
  value: {{ .Values.telemetry.logFormat | quote }}
{{- with .Values.telemetry.otlpEndpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* Tells a container the name and the namespace of its pod. */}}
{{- define "tars.podEnv" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
{{- end -}}

{{/* The probes of a component. Liveness holds as long as the process answers. Readiness begins when the component has read its first
     lists from the API server, the webhook also needs a certificate that the API server trusts. A pod that loses the API server later goes on with
     the objects that it knows: it stays ready and is not restarted. */}}
{{- define "tars.probes" -}}
startupProbe:
  grpc: {port: 9446, service: liveness}
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  grpc: {port: 9446, service: liveness}
  periodSeconds: 10
  timeoutSeconds: 3
readinessProbe:
  grpc: {port: 9446, service: readiness}
  periodSeconds: 2
  timeoutSeconds: 2
{{- end -}}

{{/* What is logged. A component reads its file again when it changes, and a pod does not wait for the ConfigMap. */}}
{{- define "tars.logLevelMount" -}}
- {name: log-level, mountPath: /etc/tars/log-level, readOnly: true}
{{- end -}}

{{- define "tars.logLevelVolume" -}}
- name: log-level
  configMap: {name: tars-log-level, optional: true}
{{- end -}}

{{/* The certificate of gRPC. The webhook writes its Secret, and a pod does not wait for it: the kubelet brings it and its changes. */}}
{{- define "tars.tlsMount" -}}
- {name: tls, mountPath: /etc/tars/tls, readOnly: true}
{{- end -}}

{{/* The Secret with the certificate of a component. Each writer has its own Secrets, so that neither takes the other's content for its own.
     Argument: (dict "root" $ "component" "tars-agent") */}}
{{- define "tars.tlsSecret" -}}
{{ .component }}{{ if .root.Values.certManager.enabled }}-cert-manager{{ end }}-tls
{{- end -}}

{{/* Argument: as for tars.tlsSecret. */}}
{{- define "tars.tlsVolume" -}}
- name: tls
  secret:
    secretName: {{ include "tars.tlsSecret" . }}
    optional: true
    items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]
{{- end -}}

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

{{- /* A dead webhook must not stop the garbage collector, which changes nothing but owner references and finalizers. */}}
{{- define "tars.notHousekeeping" -}}
- name: no-housekeeping-of-kubernetes
  expression: >-
    !({{ . }} && request.operation == 'UPDATE'
    && object.all(key, key == 'metadata' || (key in oldObject && object[key] == oldObject[key]))
    && oldObject.all(key, key in object)
    && has(object.metadata.labels) == has(oldObject.metadata.labels)
    && (!has(object.metadata.labels) || object.metadata.labels == oldObject.metadata.labels)
    && has(object.metadata.annotations) == has(oldObject.metadata.annotations)
    && (!has(object.metadata.annotations) || object.metadata.annotations == oldObject.metadata.annotations))
{{- end }}

{{/* What somebody needs to reach gRPC of a pod through the API server. */}}
{{- define "tars.callRules" -}}
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [tars-ca]
  verbs: [get]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list]
- apiGroups: [""]
  resources: [pods/portforward]
  verbs: [get, create]
{{- end }}
