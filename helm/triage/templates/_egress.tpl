{{/* Egress of all pods. */}}
{{- define "triage.egress" -}}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
- ports:
  {{- range include "triage.redis.ports" . | trim | splitList "\n" | uniq }}
    - port: {{ . }}
  {{- end }}
  {{- with .Values.networkPolicy.redisTo }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* Egress of the API to the issuer's keys; none if they are a file. */}}
{{- define "triage.issuerEgress" -}}
{{- with urlParse .Values.auth.jwt.jwksUrl }}
{{- if eq .scheme "https" }}
- ports:
    - port: {{ regexFind ":[0-9]+$" .host | trimPrefix ":" | default 443 }}
  {{- with $.Values.networkPolicy.issuerTo }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}
{{- end -}}
