{{/* The pools with their defaults, as YAML, without pools that are null. */}}
{{- define "triage.pools" -}}
{{- $defaults := .Values.workerDefaults -}}
{{- $pools := dict -}}
{{- range $name, $pool := .Values.workers -}}
{{- if not (kindIs "invalid" $pool) -}}
{{- $_ := set $pools $name (mustMergeOverwrite (deepCopy $defaults) $pool) -}}
{{- end -}}
{{- end -}}
{{- toYaml $pools -}}
{{- end -}}

{{/* TRIAGE_QUEUES of `queues`, or TRIAGE_NAMESPACES of `namespaces`: a string or a map. */}}
{{- define "triage.weights" -}}
{{- if kindIs "map" . -}}
{{- $parts := list -}}
{{- range $name, $weight := . -}}
{{- $parts = append $parts (printf "%s=%d" $name (int $weight)) -}}
{{- end -}}
{{- join "," $parts -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end -}}

{{/* The names in `queues` or `namespaces`, one per line. */}}
{{- define "triage.weighted" -}}
{{- range splitList "," (include "triage.weights" .) -}}
{{- $name := trim (first (splitList "=" .)) -}}
{{- if $name }}
{{ $name }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Scale down by a tenth per minute, after five stable minutes, since every removed pod has to drain. */}}
{{- define "triage.scaleDown" -}}
scaleDown:
  stabilizationWindowSeconds: 300
  selectPolicy: Max
  policies:
    - {type: Pods, value: 1, periodSeconds: 60}
    - {type: Percent, value: 10, periodSeconds: 60}
{{- end -}}

{{/* Arguments (root, target, name, autoscaling, labels): an HPA on CPU. */}}
{{- define "triage.hpa" -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ .name }}
  labels: {{- .labels | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ .name }}
  minReplicas: {{ .autoscaling.minReplicas }}
  maxReplicas: {{ .autoscaling.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ .autoscaling.targetCPUUtilizationPercentage }}
  behavior: {{- include "triage.scaleDown" . | nindent 4 }}
{{- end -}}

{{/* Arguments (name, maxUnavailable, labels, selector). */}}
{{- define "triage.pdb" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  labels: {{- .labels | nindent 4 }}
spec:
  maxUnavailable: {{ .maxUnavailable }}
  # Pods that never become ready must not block the drain of a node.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- .selector | nindent 6 }}
{{- end -}}
