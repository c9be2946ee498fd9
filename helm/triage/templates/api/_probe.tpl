{{/* Of (root, path). The kubelet does not reach the loopback address that the API has without keys. */}}
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
