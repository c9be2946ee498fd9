{{/* For `triage namespaces apply`, which reads the names of the API. */}}
{{- define "triage.namespaces.file" -}}
{{- $file := dict -}}
{{- range $name, $namespace := .Values.namespaces -}}
{{- $given := $namespace | default dict -}}
{{- $fields := omit $given "retentionSeconds" "quotas" -}}
{{- if hasKey $given "retentionSeconds" -}}
{{- $_ := set $fields "retention_seconds" $given.retentionSeconds -}}
{{- end -}}
{{- $quotas := dict -}}
{{- range $quota, $limit := $given.quotas -}}
{{- /* Helm reads numbers as floats, which JSON would show with an exponent. */}}
{{- $_ := set $quotas $quota (ternary $limit (int64 $limit) (kindIs "string" $limit)) -}}
{{- end -}}
{{- $_ := set $fields "quotas" $quotas -}}
{{- $_ := set $file $name $fields -}}
{{- end -}}
{{- toPrettyJson $file -}}
{{- end -}}
