{{/* What the schema cannot say. Included by the API's Deployment, which always exists. */}}
{{- define "triage.validate" -}}
{{- include "triage.redis.validate" . -}}
{{- if not .Values.auth.required -}}
{{- if .Values.api.ingress.enabled -}}
{{- fail "auth.required=false: the API listens on a loopback address only, so an Ingress cannot reach it" -}}
{{- end -}}
{{- if .Values.metrics.serviceMonitor.enabled -}}
{{- fail "auth.required=false: the API listens on a loopback address only, so a ServiceMonitor cannot reach it" -}}
{{- end -}}
{{- end -}}
{{- with .Values.auth.jwt -}}
{{- if has (len (compact (list .issuer .audience .jwksUrl))) (list 1 2) -}}
{{- fail "auth.jwt: issuer, audience and jwksUrl belong together: set all three or none" -}}
{{- end -}}
{{- if and .issuer (not $.Values.auth.required) -}}
{{- fail "auth.jwt: with auth.required=false, the API accepts requests without tokens; unset one of them" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.test.job.name (not .Values.auth.required) -}}
{{- fail "test.job.name: auth.required=false: the API listens on a loopback address only, so `helm test` cannot submit a job" -}}
{{- end -}}
{{- include "triage.validateReplicas" (dict "where" "api.autoscaling" "range" .Values.api.autoscaling) -}}
{{- include "triage.validateEnv" (dict "where" "extraEnv" "env" .Values.extraEnv) -}}
{{- include "triage.validateEnv" (dict "where" "api.extraEnv" "env" .Values.api.extraEnv) -}}
{{- end -}}

{{/* The last of two variables of one name wins: TRIAGE_DRAIN_SECONDS here would outlive the grace period. */}}
{{- define "triage.validateEnv" -}}
{{- $own := list "TRIAGE_REDIS_URL" "TRIAGE_REDIS_PASSWORD" "TRIAGE_REDIS_SENTINEL_PASSWORD" "TRIAGE_DURABILITY" "TRIAGE_REPLICATION_SECONDS" "TRIAGE_API_PROCESSES" "TRIAGE_NAMESPACE" "TRIAGE_NAMESPACES" "TRIAGE_HOST" "TRIAGE_PORT" "TRIAGE_AUTH" "TRIAGE_JWT_ISSUER" "TRIAGE_JWT_AUDIENCE" "TRIAGE_JWT_JWKS_URL" "TRIAGE_JWT_NAMESPACE_CLAIM" "TRIAGE_JWT_SCOPES_CLAIM" "TRIAGE_METRICS_OPEN" "TRIAGE_WORKER_HOST" "TRIAGE_WORKER_PORT" "TRIAGE_QUEUES" "TRIAGE_CONCURRENCY" "TRIAGE_HANDLERS" "TRIAGE_DRAIN_SECONDS" "TRIAGE_HTTP_SIGNING_SECRET" -}}
{{- $where := .where -}}
{{- $seen := list -}}
{{- range .env -}}
{{- if has .name $seen -}}
{{- fail (printf "%s: %s is there twice" $where .name) -}}
{{- end -}}
{{- $seen = append $seen .name -}}
{{- if has .name $own -}}
{{- fail (printf "%s: the chart sets %s; use the chart's value instead" $where .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Arguments (where, range: enabled, minReplicas, maxReplicas). */}}
{{- define "triage.validateReplicas" -}}
{{- if and .range.enabled (gt (int .range.minReplicas) (int .range.maxReplicas)) -}}
{{- fail (printf "%s: minReplicas (%d) is greater than maxReplicas (%d)" .where (int .range.minReplicas) (int .range.maxReplicas)) -}}
{{- end -}}
{{- end -}}

{{/* Arguments (root, where, pool, namespaces: of the pool, a line each). The combinations with which KEDA would count the wrong jobs. */}}
{{- define "triage.validateKeda" -}}
{{- $keda := .pool.keda -}}
{{- $where := .where -}}
{{- if not .root.Values.auth.required -}}
{{- fail (printf "%s.keda: auth.required=false: the API listens on a loopback address only, so KEDA cannot ask it" $where) -}}
{{- end -}}
{{- include "triage.validateReplicas" (dict "where" (printf "%s.keda" $where) "range" $keda) -}}
{{- if .pool.namespaces -}}
{{- if .root.Values.metrics.open -}}
{{- fail (printf "%s.keda: with metrics.open, the API reports jobNamespace only; a pool with namespaces needs metrics.open=false" $where) -}}
{{- end -}}
{{- if $keda.existingSecret -}}
{{- fail (printf "%s.keda.existingSecret is for one namespace; a pool with namespaces has keda.namespaceSecrets" $where) -}}
{{- end -}}
{{- range .namespaces -}}
{{- if contains "*" . -}}
{{- fail (printf "%s.keda: KEDA cannot follow the pattern %s; list the namespaces, or use autoscaling" $where .) -}}
{{- else if not (hasKey $keda.namespaceSecrets .) -}}
{{- fail (printf "%s.keda.namespaceSecrets: name the Secret with a key (metrics:read) of the namespace %s" $where .) -}}
{{- end -}}
{{- end -}}
{{- range $name, $_ := $keda.namespaceSecrets -}}
{{- if not (has $name $.namespaces) -}}
{{- fail (printf "%s.keda.namespaceSecrets: the pool does not serve the namespace %s" $where $name) -}}
{{- end -}}
{{- end -}}
{{- else -}}
{{- if $keda.namespaceSecrets -}}
{{- fail (printf "%s.keda.namespaceSecrets is for a pool with namespaces; this one has keda.existingSecret" $where) -}}
{{- end -}}
{{- if ne (.pool.jobNamespace | default .root.Values.jobNamespace) .root.Values.jobNamespace -}}
{{- if .root.Values.metrics.open -}}
{{- fail (printf "%s.keda: with metrics.open, the API reports jobNamespace %s only, and this pool serves %s" $where .root.Values.jobNamespace .pool.jobNamespace) -}}
{{- else if not $keda.existingSecret -}}
{{- fail (printf "%s.keda.existingSecret: name the Secret with a key (metrics:read) of the namespace %s; auth.existingSecret has one of %s" $where .pool.jobNamespace .root.Values.jobNamespace) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Arguments (where, given, computed): the grace period, never below the computed one. */}}
{{- define "triage.grace" -}}
{{- if kindIs "invalid" .given -}}
{{- .computed -}}
{{- else if lt (int .given) (int .computed) -}}
{{- fail (printf "%s.terminationGracePeriodSeconds: %d is too short for a clean shutdown; use at least %d" .where (int .given) (int .computed)) -}}
{{- else -}}
{{- int .given -}}
{{- end -}}
{{- end -}}
