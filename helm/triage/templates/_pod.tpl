{{- define "triage.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* Shared by all pods. No service links: a Service named "triage" would add TRIAGE_PORT=tcp://... to the environment. */}}
{{- define "triage.pod" -}}
serviceAccountName: {{ include "triage.serviceAccountName" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{/* Arguments (root, settings of the component, selector). */}}
{{- define "triage.scheduling" -}}
{{- $selector := .selector }}
{{- with .settings.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .settings.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .settings.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .settings.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.topologySpread }}
topologySpreadConstraints:
{{- range . }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- $selector | nindent 8 }}
    # Ignore old pods, which are draining.
    matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}
{{- end -}}

{{/* Shared by all containers. */}}
{{- define "triage.container" -}}
image: {{ include "triage.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{- define "triage.volumeMounts" -}}
volumeMounts:
  - name: tmp
    mountPath: /tmp
{{- with include "triage.redis.volumeMount" . | trim }}
{{ . | indent 2 }}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . | indent 2 }}
{{- end }}
{{- end -}}

{{- define "triage.volumes" -}}
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: 256Mi
{{- with include "triage.redis.volume" . | trim }}
{{ . | indent 2 }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . | indent 2 }}
{{- end }}
{{- end -}}

{{/* Arguments (root, namespace of jobs, and of the pool: username, key). */}}
{{- define "triage.env" -}}
{{ include "triage.redis.env" . }}
- name: TRIAGE_NAMESPACE
  value: {{ .namespace | quote }}
{{- end -}}

{{/* Arguments (root, settings of the component). Its variables replace those of all: a list of Kubernetes has each name once. */}}
{{- define "triage.extraEnv" -}}
{{- $own := list -}}
{{- range .settings.extraEnv -}}
{{- $own = append $own .name -}}
{{- end -}}
{{- $rows := list -}}
{{- range .root.Values.extraEnv -}}
{{- if not (has .name $own) -}}
{{- $rows = append $rows . -}}
{{- end -}}
{{- end -}}
{{- with concat $rows .settings.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Of a Deployment; begins on its own line. */}}
{{- define "triage.deploymentAnnotations" -}}
{{- with .Values.deploymentAnnotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "triage.extraEnvFrom" -}}
{{- with .Values.extraEnvFrom }}
envFrom: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
