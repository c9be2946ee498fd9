"""Values that the chart refuses, and its messages."""

from typing import Any

import helm_python as helm
import pytest

from tests.chart.matrix import ON
from tests.chart.rendering import Release

TOKENS = {"issuer": "a", "audience": "b", "jwksUrl": "https://issuer.example.com/jwks"}
LOOPBACK = {"auth": {"required": False}}

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("hpa and keda", {"workers": {"default": {"autoscaling": ON, "keda": ON}}}, "enable one of them"),
    ("hpa and keda by default", {"workerDefaults": {"autoscaling": ON, "keda": ON}}, "enable one of them"),
    (
        "grace below the drain",
        {"workers": {"default": {"drainSeconds": 60, "terminationGracePeriodSeconds": 79}}},
        "at least 80",
    ),
    (
        "grace of all below the drain",
        {"workerDefaults": {"terminationGracePeriodSeconds": 30}},
        "at least 50",
    ),
    (
        "one namespace and several",
        {"workers": {"default": {"jobNamespace": "shop", "namespaces": "a,b"}}},
        "set one of them",
    ),
    (
        "keda over a pattern",
        {"workers": {"default": {"namespaces": "*=1,a", "keda": ON}}},
        "follow the pattern *",
    ),
    (
        "keda without a key for a namespace",
        {
            "workers": {
                "default": {"namespaces": {"a": 1, "b": 1}, "keda": {**ON, "namespaceSecrets": {"a": "k"}}}
            }
        },
        "of the namespace b",
    ),
    (
        "keda with a key for another namespace",
        {
            "workers": {
                "default": {"namespaces": "a", "keda": {**ON, "namespaceSecrets": {"a": "k", "b": "k"}}}
            }
        },
        "does not serve the namespace b",
    ),
    (
        "keda with one key for several namespaces",
        {"workers": {"default": {"namespaces": "a,b", "keda": {**ON, "existingSecret": "k"}}}},
        "keda.namespaceSecrets",
    ),
    (
        "keda with several keys for one namespace",
        {"workers": {"default": {"keda": {**ON, "namespaceSecrets": {"default": "k"}}}}},
        "keda.existingSecret",
    ),
    (
        "keda with the key of another namespace",
        {"workers": {"default": {"jobNamespace": "shop", "keda": ON}}},
        "of the namespace shop",
    ),
    (
        "keda with open metrics of another namespace",
        {"metrics": {"open": True}, "workers": {"default": {"jobNamespace": "shop", "keda": ON}}},
        "with metrics.open",
    ),
    (
        "keda with open metrics of several namespaces",
        {
            "metrics": {"open": True},
            "workers": {"default": {"namespaces": "a", "keda": {**ON, "namespaceSecrets": {"a": "k"}}}},
        },
        "with metrics.open",
    ),
    (
        "fewer than the least pods",
        {"api": {"autoscaling": {**ON, "minReplicas": 11}}},
        "greater than maxReplicas",
    ),
    (
        "fewer than the least workers",
        {"workers": {"default": {"autoscaling": {**ON, "minReplicas": 11}}}},
        "workers.default.autoscaling: minReplicas (11)",
    ),
    (
        "fewer than the least workers of keda",
        {"workers": {"default": {"keda": {**ON, "minReplicas": 21}}}},
        "workers.default.keda: minReplicas (21)",
    ),
    ("grace of the api", {"api": {"terminationGracePeriodSeconds": 19}}, "at least 20"),
    (
        "drain behind the chart's back",
        {"extraEnv": [{"name": "TRIAGE_DRAIN_SECONDS", "value": "900"}]},
        "the chart sets",
    ),
    (
        "drain behind the pool's back",
        {"workers": {"default": {"extraEnv": [{"name": "TRIAGE_DRAIN_SECONDS", "value": "900"}]}}},
        "the chart sets",
    ),
    (
        "keys off by environment",
        {"api": {"extraEnv": [{"name": "TRIAGE_AUTH", "value": "off"}]}},
        "the chart sets",
    ),
    ("password in values", {"redis": {"url": "redis://app:secret@redis:6379/0"}}, "existingSecret"),
    ("password without a user", {"redis": {"url": "redis://:secret@redis:6379/0"}}, "existingSecret"),
    (
        "password of the Sentinels",
        {"redis": {"url": "redis+sentinel://s1,s2/m/0?sentinel_password=x"}},
        "existingSecret",
    ),
    ("a user in the URL", {"redis": {"url": "redis://app@redis:6379/0"}}, "redis.username"),
    ("a user as an option", {"redis": {"url": "redis://redis?username=app"}}, "redis.username"),
    (
        "two secrets with the password",
        {"redis": {"existingSecret": "url", "password": {"existingSecret": "password"}}},
        "would have no effect",
    ),
    ("a user without a password", {"redis": {"username": "app"}}, "needs a password"),
    (
        "a pool's user without a password",
        {"workers": {"default": {"redisUsername": "worker"}}},
        "redisUsername needs a password",
    ),
    (
        "a pool's user next to a URL",
        {"redis": {"existingSecret": "url"}, "workers": {"default": {"redisUsername": "worker"}}},
        "use redisSecretKey",
    ),
    ("a pool's key of no secret", {"workers": {"default": {"redisSecretKey": "worker"}}}, "set one of them"),
    (
        "a password of Sentinels that are not there",
        {"redis": {"password": {"existingSecret": "redis", "sentinelKey": "sentinel"}}},
        "redis+sentinel://",
    ),
    ("certificates without TLS", {"redis": {"tls": {"existingSecret": "tls"}}}, "rediss://"),
    (
        "a client certificate from nowhere",
        {"redis": {"url": "rediss://redis", "tls": {"clientCertificate": True}}},
        "needs redis.tls.existingSecret",
    ),
    (
        "a client certificate for a secret URL",
        {"redis": {"existingSecret": "url", "tls": {"existingSecret": "tls", "clientCertificate": True}}},
        "append &ssl_certfile=",
    ),
    (
        "two client certificates",
        {
            "redis": {
                "url": "rediss://redis?ssl_certfile=/a&ssl_keyfile=/b",
                "tls": {"existingSecret": "tls", "clientCertificate": True},
            }
        },
        "unset one of them",
    ),
    ("a socket that no pod has", {"redis": {"url": "unix:///run/redis/redis.sock"}}, "extraVolumeMounts"),
    (
        "a password behind the chart's back",
        {"extraEnv": [{"name": "TRIAGE_REDIS_PASSWORD", "value": "x"}]},
        "the chart sets",
    ),
    (
        "processes behind the chart's back",
        {"api": {"extraEnv": [{"name": "TRIAGE_API_PROCESSES", "value": "4"}]}},
        "the chart sets",
    ),
    (
        "a variable twice",
        {"extraEnv": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]},
        "A is there twice",
    ),
    ("a test job without keys", {**LOOPBACK, "test": {"job": {"name": "work"}}}, "loopback"),
    ("unknown quota", {"namespaces": {"acme": {"quotas": {"jbos": 1}}}}, "jbos"),
    ("quota of many", {"namespaces": {"acme": {"quotas": {"jobs": "many"}}}}, "jobs"),
    ("no requests", {"namespaces": {"acme": {"quotas": {"requests_per_second": 0}}}}, "requests_per_second"),
    ("no pointer", {"namespaces": {"acme": {"redact": ["card"]}}}, "redact"),
    ("no namespace", {"namespaces": {"a b": {}}}, "a b"),
    ("unknown durability", {"redis": {"durability": "fsync"}}, "durability"),
    ("no process", {"api": {"processes": 0}}, "processes"),
    ("no port", {"networkPolicy": {"redisPorts": [0]}}, "redisPorts"),
    ("a part of the tokens", {"auth": {"jwt": {"issuer": "a", "audience": "b"}}}, "all three or none"),
    (
        "tokens that no API checks",
        {"auth": {"required": False, "jwt": TOKENS}},
        "accepts requests without tokens",
    ),
    (
        "keys over http",
        {"auth": {"jwt": {**TOKENS, "jwksUrl": "http://issuer.example.com/jwks"}}},
        "jwksUrl",
    ),
    (
        "a password for the keys",
        {"auth": {"jwt": {**TOKENS, "jwksUrl": "https://a:b@issuer.example.com/jwks"}}},
        "jwksUrl",
    ),
    (
        "an issuer behind the chart's back",
        {"extraEnv": [{"name": "TRIAGE_JWT_ISSUER", "value": "https://evil.example.com/"}]},
        "the chart sets",
    ),
    ("ingress without keys", {**LOOPBACK, "api": {"ingress": ON}}, "loopback"),
    ("monitor without keys", {**LOOPBACK, "metrics": {"serviceMonitor": ON}}, "loopback"),
    ("keda without keys", {**LOOPBACK, "workerDefaults": {"keda": ON}}, "loopback"),
    ("keda for unnamed queues", {"workers": {"default": {"queues": "*", "keda": ON}}}, "keda.queues"),
    ("unknown key", {"replicaCount": 3}, "replicaCount"),
    ("unknown key of a pool", {"workers": {"default": {"replica": 3}}}, "replica"),
    ("unknown key deep inside", {"api": {"ingress": {"enable": True}}}, "enable"),
    ("string for a boolean", {"api": {"ingress": {"enabled": "yes"}}}, "enabled"),
    ("weight of zero", {"workers": {"default": {"queues": {"a": 0}}}}, "queues"),
    ("no queues", {"workers": {"default": {"queues": ""}}}, "queues"),
    ("pool with a bad name", {"workers": {"Bulk_1": {}}}, "Bulk_1"),
    ("negative drain", {"workers": {"default": {"drainSeconds": -1}}}, "drainSeconds"),
    ("concurrency of zero", {"workers": {"default": {"concurrency": 0}}}, "concurrency"),
    ("no secret's name", {"auth": {"existingSecret": ""}}, "existingSecret"),
    ("other store", {"redis": {"url": "postgres://x"}}, "url"),
]


@pytest.mark.parametrize(("values", "says"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_it_refuses(values: dict[str, Any], says: str) -> None:
    with pytest.raises(helm.HelmError) as refusal:
        Release(values)
    assert says in str(refusal.value)


def test_a_longer_grace_period_is_accepted() -> None:
    pod = Release({"workers": {"default": {"terminationGracePeriodSeconds": 51}}}).pod("-worker-default")
    assert pod["terminationGracePeriodSeconds"] == 51
