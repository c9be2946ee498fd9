{{/* Arguments (root, path). Without keys the API listens on loopback, which the kubelet cannot reach. */}}
{{- define "triage.api.probe" -}}
{{- if .root.Values.auth.required -}}
httpGet:
  path: /{{ .path }}
  port: http
{{- else -}}
exec:
  command: [python3, -m, service.commands.container, {{ .path }}]
{{- end -}}
{{- end -}}
