{{/* The pools with their defaults, as YAML. A pool that is null has been removed. */}}
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

{{/* TRIAGE_QUEUES of `queues`, a string or a map. */}}
{{- define "triage.queues" -}}
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

{{/* Names of the queues that a pool names, without `*`, one a line. */}}
{{- define "triage.queueNames" -}}
{{- range splitList "," (include "triage.queues" .) -}}
{{- $name := first (splitList "=" (trim .)) -}}
{{- if and $name (ne $name "*") }}
{{ $name }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Scaling down one tenth a minute, after five minutes of rest: every pod that goes has to drain. */}}
{{- define "triage.scaleDown" -}}
scaleDown:
  stabilizationWindowSeconds: 300
  selectPolicy: Max
  policies:
    - {type: Pods, value: 1, periodSeconds: 60}
    - {type: Percent, value: 10, periodSeconds: 60}
{{- end -}}

{{/* Of (root, target, name, autoscaling, labels): an HPA on CPU. */}}
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

{{/* Of (name, maxUnavailable, labels, selector). */}}
{{- define "triage.pdb" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  labels: {{- .labels | nindent 4 }}
spec:
  maxUnavailable: {{ .maxUnavailable }}
  # Pods that do not become ready must not keep a node from being drained.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- .selector | nindent 6 }}
{{- end -}}
