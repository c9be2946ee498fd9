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
{{- if .Values.redis.tls.existingSecret }}
  - name: redis-tls
    mountPath: /etc/triage/redis-tls
    readOnly: true
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
{{- with .Values.redis.tls.existingSecret }}
  - name: redis-tls
    secret:
      secretName: {{ . }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . | indent 2 }}
{{- end }}
{{- end -}}

{{/* Arguments (root, namespace of jobs, redisKey: of the Secret, empty = the API's). */}}
{{- define "triage.env" -}}
- name: TRIAGE_REDIS_URL
{{- if .root.Values.redis.existingSecret }}
  valueFrom:
    secretKeyRef:
      name: {{ .root.Values.redis.existingSecret }}
      key: {{ .redisKey | default .root.Values.redis.existingSecretKey }}
{{- else }}
  value: {{ .root.Values.redis.url | quote }}
{{- end }}
- name: TRIAGE_NAMESPACE
  value: {{ .namespace | quote }}
{{- end -}}

{{/* Arguments (root, settings of the component). */}}
{{- define "triage.extraEnv" -}}
{{- with concat .root.Values.extraEnv .settings.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "triage.extraEnvFrom" -}}
{{- with .Values.extraEnvFrom }}
envFrom: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
