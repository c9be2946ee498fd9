{{- define "triage.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "triage.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "triage.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{- define "triage.apiUrl" -}}
http://{{ include "triage.fullname" . }}-api.{{ .Release.Namespace }}.svc:{{ .Values.api.service.port }}
{{- end -}}

{{/* Labels of every resource, before those for its component. */}}
{{- define "triage.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "triage.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "triage.api.selector" -}}
{{ include "triage.selector" . }}
app.kubernetes.io/component: api
{{- end -}}

{{- define "triage.namespaces.selector" -}}
{{ include "triage.selector" . }}
app.kubernetes.io/component: namespaces
{{- end -}}

{{/* Arguments (root, pool name). */}}
{{- define "triage.worker.selector" -}}
{{ include "triage.selector" .root }}
app.kubernetes.io/component: worker
triage/pool: {{ .name }}
{{- end -}}
