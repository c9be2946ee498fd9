"""How pods reach Redis: URL, users, passwords, certificates and ports."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.commands.access.namespace_file import read_file
from service.domain.tenant import DEFAULTS
from service.redis_url import parse_redis_url
from tests.chart.matrix import CASES, EVERYTHING, ON, rendered
from tests.chart.rendering import Release, container, environment

NAMES = ("-api", "-worker-default")


def secret(name: str, key: str) -> dict[str, Any]:
    return {"secretKeyRef": {"name": name, "key": key}}


def ports(release: Release, policy: str) -> list[int]:
    """The ports of the rule for Redis: the second one, after DNS."""
    return [row["port"] for row in release.one("NetworkPolicy", policy)["spec"]["egress"][1]["ports"]]


def test_the_url_of_redis_comes_from_its_secret() -> None:
    for name in NAMES:
        assert environment(rendered("secrets").pod(name))["TRIAGE_REDIS_URL"] == secret("redis", "url")


def test_each_user_has_its_password_from_a_secret() -> None:
    release = rendered("users with their passwords")
    for name, user in zip(NAMES, ("api", "worker"), strict=True):
        given = environment(release.pod(name))
        assert given["TRIAGE_REDIS_URL"] == f"redis://{user}@redis:6379/0"
        assert given["TRIAGE_REDIS_PASSWORD"] == secret("users", user)


def test_workers_can_have_a_url_of_their_own() -> None:
    release = rendered("a Redis user for workers")
    keys = {"-api": "url", "-worker-default": "worker-url", "-worker-video": "video-url"}
    for name, key in keys.items():
        assert environment(release.pod(name))["TRIAGE_REDIS_URL"] == secret("redis", key)


def test_sentinels_have_their_own_password() -> None:
    given = environment(rendered("Sentinels over TLS").pod("-api"))
    assert given["TRIAGE_REDIS_SENTINEL_PASSWORD"] == secret("redis", "sentinel-password")
    parsed = parse_redis_url(given["TRIAGE_REDIS_URL"])
    assert parsed.nodes == (("s1", 26379), ("s2", 26379), ("s3", 26379))
    assert parsed.sentinel_options == {"username": "watch"}


def test_the_certificates_of_redis_are_where_its_url_says() -> None:
    release = rendered("Sentinels over TLS")
    for name, pod in release.pods():
        (mount,) = [found for found in container(pod)["volumeMounts"] if found["name"] == "redis-tls"]
        (volume,) = [found for found in pod["volumes"] if found["name"] == "redis-tls"]
        assert volume["secret"] == {"secretName": "redis-tls", "defaultMode": 0o440}
        assert (mount["readOnly"], pod["securityContext"]["fsGroup"]) == (True, 10001)
        if name.endswith("-test"):
            continue
        query = environment(pod)["TRIAGE_REDIS_URL"].partition("?")[2].split("&")
        files = {option: f"{mount['mountPath']}/{file}" for option, file in FILES.items()}
        assert {f"{option}={path}" for option, path in files.items()} <= set(query)


FILES = {"ssl_ca_certs": "ca.crt", "ssl_certfile": "tls.crt", "ssl_keyfile": "tls.key"}


def test_a_url_that_names_its_ca_keeps_it() -> None:
    url = "rediss://redis?ssl_ca_certs=/etc/other/ca.crt"
    release = Release({"redis": {"url": url, "tls": {"existingSecret": "tls"}}})
    assert environment(release.pod("-api"))["TRIAGE_REDIS_URL"] == url


@pytest.mark.parametrize("case", CASES)
def test_no_text_of_the_release_has_a_password(case: str) -> None:
    """Not in arguments, ConfigMaps and values of variables: only references to Secrets."""
    for _, pod in rendered(case).pods():
        only = container(pod)
        assert "args" not in only
        for row in only["env"]:
            if "PASSWORD" in row["name"]:
                assert row.keys() == {"name", "valueFrom"}
            assert (
                "@" not in row.get("value", "")
                or ":" not in row["value"].partition("//")[2].partition("@")[0]
            )
    assert all("redis" not in json.dumps(row["data"]) for row in _config_maps(rendered(case)))


def _config_maps(release: Release) -> Iterator[dict[str, Any]]:
    for manifest in release.of("ConfigMap"):
        if not manifest["metadata"]["name"].endswith("-dashboard"):
            yield manifest


@pytest.mark.parametrize(
    ("redis", "policy", "expected"),
    [
        ({}, {}, [6379]),
        ({"url": "rediss://redis:6380/0"}, {}, [6380]),
        ({"url": "redis+sentinel://s1:26379,s2:26380,s3/m/0"}, {}, [6379, 26379, 26380]),
        ({"url": "redis+sentinel://s1,s2/m"}, {"redisPorts": [7000]}, [7000, 26379]),
        ({"url": "redis+cluster://a:7000,b:7001,[::1]:7002"}, {}, [7000, 7001, 7002]),
        ({"url": "redis+cluster://a:7000"}, {"redisPorts": [7000, 7001]}, [7000, 7001]),
        ({"existingSecret": "url"}, {}, [6379]),
        ({"existingSecret": "url"}, {"redisPorts": [7000], "sentinelPorts": [7001]}, [7000, 7001]),
    ],
)
def test_pods_reach_all_servers_and_sentinels(
    redis: dict[str, Any], policy: dict[str, Any], expected: list[int]
) -> None:
    release = Release({"redis": redis, "networkPolicy": {**ON, **policy}, "namespaces": {"acme": {}}})
    for name in ("-api", "-worker", "-namespaces"):
        assert ports(release, name) == expected


def test_each_network_policy_selects_the_pods_of_its_name() -> None:
    release = rendered("everything")
    pods = {
        manifest["metadata"]["name"]: manifest["spec"]["template"]["metadata"]["labels"]
        for kind in ("Deployment", "Job")
        for manifest in release.of(kind)
    }
    for policy in release.of("NetworkPolicy"):
        chosen = policy["spec"]["podSelector"]["matchLabels"].items()
        found = {name for name, labels in pods.items() if chosen <= labels.items()}
        assert found == {name for name in pods if name.startswith(policy["metadata"]["name"])}


def test_the_release_says_which_port_it_opens_for_a_url_that_it_cannot_see() -> None:
    values = {"redis": {"existingSecret": "url"}, "networkPolicy": ON}
    assert "on port 6379 only" in Release(values).notes
    assert "on port 6379 only" not in rendered("a cluster whose URL is a secret").notes


def test_the_namespaces_are_those_that_the_command_reads(tmp_path: Path) -> None:
    release = rendered("everything")
    (file, text), *others = release.one("ConfigMap", "-namespaces")["data"].items()
    assert not others
    (tmp_path / file).write_text(text)
    shop, team = read_file(tmp_path / file)
    assert (shop.name, shop.description, shop.policy.redact) == ("shop", "The shop", ("/card",))
    assert shop.policy.quotas == {**DEFAULTS, "jobs": 5_000_000, "streams": None}
    assert (shop.policy.retention_seconds, team.policy.quotas) == (8_640_000, DEFAULTS)
    job = release.one("Job", "-namespaces")["spec"]["template"]["spec"]
    (mount,) = [row for row in container(job)["volumeMounts"] if row["name"] == "namespaces"]
    assert container(job)["command"] == ["triage", "namespaces", "apply", f"{mount['mountPath']}/{file}"]
    # As the API: the workers' user may not write the registry.
    assert environment(job)["TRIAGE_REDIS_URL"] == environment(release.pod("-api"))["TRIAGE_REDIS_URL"]
    assert rendered("defaults").of("Job") == []


def test_keda_adds_up_the_namespaces_of_a_pool() -> None:
    release = Release(EVERYTHING)
    scaled = release.one("ScaledObject", "-worker-two")["spec"]
    triggers = scaled["triggers"]
    assert scaled["advanced"]["scalingModifiers"]["formula"] == " + ".join(row["name"] for row in triggers)
    assert all(row["metadata"]["url"].endswith("/internal/autoscale?queue=mail") for row in triggers)
    secrets = {
        release.one("TriggerAuthentication", row["authenticationRef"]["name"].removeprefix("demo-triage"))[
            "spec"
        ]["secretTargetRef"][0]["name"]
        for row in triggers
    }
    assert secrets == {"key-blog", "key-shop"}


def test_the_api_has_its_processes_and_the_durability() -> None:
    given = environment(Release({"api": {"processes": 4}, "redis": {"durability": "replicated"}}).pod("-api"))
    assert (given["TRIAGE_API_PROCESSES"], given["TRIAGE_DURABILITY"]) == ("4", "replicated")
    assert given["TRIAGE_REPLICATION_SECONDS"] == "0.5"


def test_a_variable_of_a_pool_replaces_the_one_of_all() -> None:
    lease = "TRIAGE_LEASE_SECONDS"
    values = {
        "extraEnv": [{"name": lease, "value": "20"}],
        "workers": {"default": {"extraEnv": [{"name": lease, "value": "30"}]}},
    }
    release = Release(values)
    assert [environment(release.pod(name))[lease] for name in NAMES] == ["20", "30"]
