{{/* What the schema cannot say. Included by the API's Deployment, which always exists. */}}
{{- define "triage.validate" -}}
{{- if or (regexMatch "^[a-z+]+://[^/]*:[^/]*@" .Values.redis.url) (regexMatch "[?&](sentinel_)?password=" .Values.redis.url) -}}
{{- fail "redis.url has a password: put the URL into a Secret and name it in redis.existingSecret" -}}
{{- end -}}
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
{{- include "triage.validateEnv" (dict "where" "extraEnv" "env" .Values.extraEnv) -}}
{{- include "triage.validateEnv" (dict "where" "api.extraEnv" "env" .Values.api.extraEnv) -}}
{{- end -}}

{{/* The last of two variables of one name wins: TRIAGE_DRAIN_SECONDS here would outlive the grace period. */}}
{{- define "triage.validateEnv" -}}
{{- $own := list "TRIAGE_REDIS_URL" "TRIAGE_NAMESPACE" "TRIAGE_NAMESPACES" "TRIAGE_HOST" "TRIAGE_PORT" "TRIAGE_AUTH" "TRIAGE_JWT_ISSUER" "TRIAGE_JWT_AUDIENCE" "TRIAGE_JWT_JWKS_URL" "TRIAGE_JWT_NAMESPACE_CLAIM" "TRIAGE_JWT_SCOPES_CLAIM" "TRIAGE_METRICS_OPEN" "TRIAGE_WORKER_HOST" "TRIAGE_WORKER_PORT" "TRIAGE_QUEUES" "TRIAGE_CONCURRENCY" "TRIAGE_HANDLERS" "TRIAGE_DRAIN_SECONDS" "TRIAGE_HTTP_SIGNING_SECRET" -}}
{{- $where := .where -}}
{{- range .env -}}
{{- if has .name $own -}}
{{- fail (printf "%s: the chart sets %s; use the chart's value instead" $where .name) -}}
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
