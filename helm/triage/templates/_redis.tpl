{{/* The connection to Redis: its variables, its files, and what egress it needs. */}}

{{/* Arguments (root, username): redis.url with the user and the files of TLS. */}}
{{- define "triage.redis.url" -}}
{{- $redis := .root.Values.redis -}}
{{- $url := $redis.url -}}
{{- with .username -}}
{{- $url = regexReplaceAllLiteral "://" $url (printf "://%s@" .) -}}
{{- end -}}
{{- if $redis.tls.existingSecret -}}
{{- $options := list -}}
{{- if not (contains "ssl_ca_certs=" $url) -}}
{{- $options = append $options "ssl_ca_certs=/etc/triage/redis-tls/ca.crt" -}}
{{- end -}}
{{- if $redis.tls.clientCertificate -}}
{{- $options = concat $options (list "ssl_certfile=/etc/triage/redis-tls/tls.crt" "ssl_keyfile=/etc/triage/redis-tls/tls.key") -}}
{{- end -}}
{{- with $options -}}
{{- $url = printf "%s%s%s" $url (ternary "&" "?" (contains "?" $url)) (join "&" .) -}}
{{- end -}}
{{- end -}}
{{- $url -}}
{{- end -}}

{{/* Arguments (root, and of the pool: username, key of the Secret; empty = the API's). Secrets never become text. */}}
{{- define "triage.redis.env" -}}
{{- $redis := .root.Values.redis -}}
- name: TRIAGE_REDIS_URL
{{- if $redis.existingSecret }}
  valueFrom:
    secretKeyRef:
      name: {{ $redis.existingSecret }}
      key: {{ .key | default $redis.existingSecretKey }}
{{- else }}
  value: {{ include "triage.redis.url" (dict "root" .root "username" (.username | default $redis.username)) | quote }}
{{- end }}
{{- with $redis.password.existingSecret }}
- name: TRIAGE_REDIS_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ $.key | default $redis.password.key }}
{{- with $redis.password.sentinelKey }}
- name: TRIAGE_REDIS_SENTINEL_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ $redis.password.existingSecret }}
      key: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "triage.redis.volumeMount" -}}
{{- if .Values.redis.tls.existingSecret }}
- name: redis-tls
  mountPath: /etc/triage/redis-tls
  readOnly: true
{{- end }}
{{- end -}}

{{- define "triage.redis.volume" -}}
{{- with .Values.redis.tls.existingSecret }}
- name: redis-tls
  secret:
    secretName: {{ . }}
    # Readable by fsGroup only, since the key is in it. Kubernetes renews the files; new connections read them.
    defaultMode: 0440
{{- end }}
{{- end -}}

{{/* The ports in redis.url, one per line. */}}
{{- define "triage.redis.portsOfUrl" -}}
{{- $location := regexReplaceAll "^[a-z+]+://([^/?]*).*$" .Values.redis.url "${1}" -}}
{{- range splitList "," (regexReplaceAll "^.*@" $location "") }}
{{ regexFind ":[0-9]+$" . | trimPrefix ":" | default (ternary "26379" "6379" (contains "+sentinel:" $.Values.redis.url)) }}
{{- end }}
{{- end -}}

{{/* All ports of Redis and its Sentinels, one per line. */}}
{{- define "triage.redis.ports" -}}
{{- $policy := .Values.networkPolicy -}}
{{- $known := not (or .Values.redis.existingSecret (hasPrefix "unix:" .Values.redis.url)) -}}
{{- $sentinel := contains "+sentinel:" .Values.redis.url -}}
{{- $ofUrl := ternary (include "triage.redis.portsOfUrl" . | trim | splitList "\n") list $known -}}
{{- $redis := $policy.redisPorts | default (ternary $ofUrl (list 6379) (and $known (not $sentinel))) -}}
{{- $sentinels := $policy.sentinelPorts | default (ternary $ofUrl list (and $known $sentinel)) -}}
{{- range concat $redis $sentinels }}
{{ int . }}
{{- end }}
{{- end -}}

{{- define "triage.redis.validate" -}}
{{- $redis := .Values.redis -}}
{{- if or (regexMatch "^[a-z+]+://[^/?]*@" $redis.url) (regexMatch "[?&](username|password|sentinel_password)=" $redis.url) -}}
{{- fail "redis.url has a user or a password: name the user in redis.username and the Secret of its password in redis.password.existingSecret, or put the whole URL into a Secret and name it in redis.existingSecret" -}}
{{- end -}}
{{- if and $redis.existingSecret (or $redis.password.existingSecret $redis.username) -}}
{{- fail "redis.existingSecret has the whole URL, so redis.username and redis.password would have no effect: unset them, or redis.existingSecret" -}}
{{- end -}}
{{- if and $redis.username (not $redis.password.existingSecret) -}}
{{- fail "redis.username needs a password: name its Secret in redis.password.existingSecret" -}}
{{- end -}}
{{- if and $redis.password.sentinelKey (or (not $redis.password.existingSecret) (not (contains "+sentinel:" $redis.url))) -}}
{{- fail "redis.password.sentinelKey needs redis.password.existingSecret and a redis.url that begins with redis+sentinel:// or rediss+sentinel://" -}}
{{- end -}}
{{- if and $redis.tls.existingSecret (not $redis.existingSecret) (not (hasPrefix "rediss" $redis.url)) -}}
{{- fail "redis.tls.existingSecret needs TLS: let redis.url begin with rediss://, rediss+sentinel:// or rediss+cluster://" -}}
{{- end -}}
{{- if and $redis.tls.clientCertificate (not $redis.tls.existingSecret) -}}
{{- fail "redis.tls.clientCertificate needs redis.tls.existingSecret" -}}
{{- end -}}
{{- if and $redis.tls.clientCertificate $redis.existingSecret -}}
{{- fail "redis.tls.clientCertificate cannot change the URL in redis.existingSecret: append &ssl_certfile=/etc/triage/redis-tls/tls.crt&ssl_keyfile=/etc/triage/redis-tls/tls.key there, and unset it" -}}
{{- end -}}
{{- if and $redis.tls.clientCertificate (contains "ssl_certfile=" $redis.url) -}}
{{- fail "redis.url has ssl_certfile, which redis.tls.clientCertificate adds: unset one of them" -}}
{{- end -}}
{{- if and (hasPrefix "unix:" $redis.url) (not $redis.existingSecret) (not .Values.extraVolumeMounts) -}}
{{- fail "redis.url is a socket: mount its folder with extraVolumes and extraVolumeMounts" -}}
{{- end -}}
{{- end -}}

{{/* Arguments (root, where, pool): the Redis user of a pool. */}}
{{- define "triage.redis.validatePool" -}}
{{- $redis := .root.Values.redis -}}
{{- if and .pool.redisSecretKey (not $redis.existingSecret) (not $redis.password.existingSecret) -}}
{{- fail (printf "%s.redisSecretKey is a key in redis.existingSecret or redis.password.existingSecret: set one of them" .where) -}}
{{- end -}}
{{- if and .pool.redisUsername $redis.existingSecret -}}
{{- fail (printf "%s.redisUsername: the URL in redis.existingSecret has the user: use redisSecretKey" .where) -}}
{{- end -}}
{{- if and .pool.redisUsername (not $redis.password.existingSecret) -}}
{{- fail (printf "%s.redisUsername needs a password: name its Secret in redis.password.existingSecret, and its key in redisSecretKey" .where) -}}
{{- end -}}
{{- end -}}
