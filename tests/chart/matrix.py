"""Values as operators write them, one case each; `everything` turns on as much as possible at once."""

from functools import cache
from typing import Any

from tests.chart.rendering import Release

ON: dict[str, Any] = {"enabled": True}

EVERYTHING: dict[str, Any] = {
    "commonLabels": {"team": "orders"},
    "image": {"pullSecrets": ["registry"]},
    "redis": {
        "url": "rediss://redis:6380/0",
        "username": "triage-api",
        "password": {"existingSecret": "redis"},
        "tls": {"existingSecret": "redis-tls", "clientCertificate": True},
        "durability": "replicated",
    },
    "namespaces": {
        "shop": {
            "description": "The shop",
            "quotas": {"jobs": 5_000_000, "streams": "none"},
            "retentionSeconds": 8_640_000,
            "redact": ["/card"],
        },
        "team-a": {},
    },
    "namespaceJob": {
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "podAnnotations": {"sidecar.istio.io/inject": "false"},
    },
    "deploymentAnnotations": {"reloader.stakater.com/auto": "true"},
    "auth": {
        "jwt": {
            "issuer": "https://issuer.example.com/",
            "audience": "triage",
            "jwksUrl": "https://issuer.example.com:8443/jwks",
        }
    },
    "httpSigning": {"existingSecret": "signing"},
    "extraEnv": [{"name": "TRIAGE_LEASE_SECONDS", "value": "20"}],
    "extraEnvFrom": [{"configMapRef": {"name": "settings"}}],
    "extraVolumes": [{"name": "ca", "secret": {"secretName": "ca"}}],
    "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ca", "readOnly": True}],
    "serviceAccount": {"annotations": {"role": "triage"}},
    "api": {
        "service": {"annotations": {"a": "b"}},
        "ingress": {
            **ON,
            "className": "nginx",
            "host": "triage.example.com",
            "tlsSecretName": "tls",
            "annotations": {"a": "b"},
        },
        "autoscaling": ON,
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "high",
        "podAnnotations": {"a": "b"},
        "podLabels": {"a": "b"},
        "extraEnv": [{"name": "A", "value": "b"}],
    },
    "workers": {
        "cpu": {
            "queues": "cpu",
            "autoscaling": ON,
            "handlers": ["shop.cpu", "shop.images"],
            "concurrency": 2,
        },
        "bulk": {
            "queues": {"bulk": 3, "slow": 1},
            "keda": {**ON, "existingSecret": "shop-api-key"},
            "drainSeconds": 600,
            "jobNamespace": "shop",
        },
        "tenants": {"namespaces": {"shop": 3, "team-*": 1}, "redisUsername": "triage-worker"},
        "two": {
            "namespaces": {"shop": 3, "Blog_1": 1},
            "queues": {"mail": 1, "*": 1},
            "keda": {**ON, "namespaceSecrets": {"shop": "key-shop", "Blog_1": "key-blog"}},
        },
        "spare": {
            "replicas": 0,
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "a", "operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
            "priorityClassName": "low",
            "podAnnotations": {"a": "b"},
            "podLabels": {"a": "b"},
            "extraEnv": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        },
    },
    "metrics": {
        "labels": {"release": "prometheus"},
        "serviceMonitor": ON,
        "podMonitor": ON,
        "prometheusRule": {**ON, "runbookUrl": "https://docs.example.com/runbook/"},
    },
    "grafana": {"dashboard": ON},
    "networkPolicy": {
        **ON,
        "apiFrom": [{"namespaceSelector": {}}],
        "redisTo": [{"ipBlock": {"cidr": "10.1.0.0/16"}}],
        "issuerTo": [{"ipBlock": {"cidr": "10.2.0.0/16"}}],
        "apiEgress": [{"ports": [{"port": 4318}]}],
    },
}

CASES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "everything": EVERYTHING,
    "no pools": {"workers": {"default": None}},
    "one dedicated pool": {"workers": {"default": None, "mail": {"queues": "mail"}}},
    "trial without keys": {"auth": {"required": False}},
    "secrets": {"redis": {"existingSecret": "redis", "existingSecretKey": "url"}},
    "Sentinels over TLS": {
        "redis": {
            "url": "rediss+sentinel://s1:26379,s2:26379,s3/mymaster/0?sentinel_username=watch",
            "password": {"existingSecret": "redis", "sentinelKey": "sentinel-password"},
            "tls": {"existingSecret": "redis-tls", "clientCertificate": True},
        },
        "networkPolicy": ON,
        "namespaces": {"acme": {}},
    },
    "a cluster": {
        "redis": {"url": "redis+cluster://redis-0.redis:6379,redis-1.redis:7000"},
        "networkPolicy": ON,
    },
    "a cluster whose URL is a secret": {
        "redis": {"existingSecret": "redis", "tls": {"existingSecret": "redis-tls"}},
        "networkPolicy": {**ON, "redisPorts": [7000, 7001], "sentinelPorts": [26379]},
    },
    "users with their passwords": {
        "redis": {"username": "api", "password": {"existingSecret": "users", "key": "api"}},
        "workers": {"default": {"redisUsername": "worker", "redisSecretKey": "worker"}},
    },
    "a Redis user for workers": {
        "redis": {"existingSecret": "redis", "existingSecretKey": "url"},
        "workerDefaults": {"redisSecretKey": "worker-url"},
        "workers": {"default": {}, "video": {"redisSecretKey": "video-url"}},
    },
    "tokens with keys from a file": {
        "auth": {"jwt": {"issuer": "shop", "audience": "triage", "jwksUrl": "file:///etc/triage/jwks.json"}},
        "extraVolumes": [{"name": "jwks", "configMap": {"name": "jwks"}}],
        "extraVolumeMounts": [{"name": "jwks", "mountPath": "/etc/triage", "readOnly": True}],
        "networkPolicy": ON,
    },
    "own service account": {"serviceAccount": {"create": False, "name": "shop"}},
    "default service account": {"serviceAccount": {"create": False}},
    "no spreading, no budgets": {
        "topologySpread": [],
        "api": {"pdb": {"enabled": False}},
        "workerDefaults": {"pdb": {"enabled": False}},
    },
    "load balancer": {"api": {"service": {"type": "LoadBalancer", "port": 443}, "preStopSeconds": 0}},
    "ingress": {"api": {"ingress": ON}},
    "api scales": {"api": {"autoscaling": ON}},
    "workers scale on cpu": {"workers": {"default": {"autoscaling": ON}}},
    "workers scale on depth": {"workers": {"default": {"keda": ON}}},
    "workers scale to zero": {"workers": {"default": {"keda": {**ON, "minReplicas": 0, "queues": ["bulk"]}}}},
    "open metrics": {
        "metrics": {"open": True, "serviceMonitor": ON, "podMonitor": ON},
        "workerDefaults": {"keda": ON},
    },
    "network policy": {"networkPolicy": ON},
    "closed network": {"networkPolicy": {**ON, "metricsFrom": [], "workerEgress": []}},
    "long drain": {"workers": {"default": {"drainSeconds": 3600, "terminationGracePeriodSeconds": 7200}}},
    "as a subchart": {"global": {"imageRegistry": "ignored"}, "fullnameOverride": "queue"},
}


@cache
def rendered(case: str) -> Release:
    """Cached for all tests of this process: treat it as read-only."""
    return Release(CASES[case])
