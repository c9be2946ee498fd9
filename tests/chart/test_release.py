"""How the parts of a release fit together."""

import json
import re
from typing import Any

import pytest
import yaml

from service.settings import PREFIX, Settings
from tests.chart.matrix import CASES, EVERYTHING, ON, rendered
from tests.chart.rendering import CHART, Manifest, Release, container, environment


@pytest.mark.parametrize("case", CASES)
def test_a_render_is_the_same_every_time(case: str) -> None:
    """No random names and no lookups, so that an unchanged release restarts nothing."""
    first = rendered(case)
    assert all(Release(CASES[case]).files == first.files for _ in range(3))


def test_no_template_uses_randomness_time_or_the_cluster() -> None:
    asking = re.compile(
        r"\b(lookup|rand\w+|uuidv4|genCA|gen\w+Cert\w*|genPrivateKey|now|htpasswd|derivePassword)\b"
    )
    for template in (CHART / "templates").rglob("*.*"):
        actions = re.findall(r"{{(?!/\*).*?}}", template.read_text(), re.DOTALL)
        assert [action for action in actions if asking.search(action)] == [], template


@pytest.mark.parametrize("case", CASES)
def test_names_belong_to_the_release_and_are_unique(case: str) -> None:
    manifests = rendered(case).manifests
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests]
    assert len(names) == len(set(names))
    prefix = CASES[case].get("fullnameOverride", "demo-triage")
    assert all(name.startswith(prefix) for kind, name in names if kind != "ServiceAccount"), names


def test_the_longest_release_name_makes_valid_names() -> None:
    release = Release({"workers": {"p" * 32: {}}}, name="r" * 53)
    for manifest in release.manifests:
        limit = 63 if manifest["kind"] == "Service" else 253
        assert len(manifest["metadata"]["name"]) <= limit
        assert all(len(value) <= 63 for value in manifest["metadata"]["labels"].values())


@pytest.mark.parametrize("case", CASES)
def test_selectors_find_the_pods_of_one_deployment(case: str) -> None:
    release = rendered(case)
    pods = [deployment["spec"]["template"]["metadata"]["labels"] for deployment in release.of("Deployment")]
    for manifest in (*release.of("Deployment"), *release.of("PodDisruptionBudget")):
        selector = manifest["spec"]["selector"]["matchLabels"]
        assert sum(selector.items() <= labels.items() for labels in pods) == 1, manifest["metadata"]["name"]
    for service in release.of("Service"):
        assert sum(service["spec"]["selector"].items() <= labels.items() for labels in pods) == 1


@pytest.mark.parametrize("case", CASES)
def test_secrets_are_named_and_never_created(case: str) -> None:
    release = rendered(case)
    assert release.of("Secret") == []
    for _, pod in release.pods():
        for name, value in environment(pod).items():
            if any(word in name for word in ("SECRET", "KEY", "PASSWORD", "TOKEN")):
                assert value.keys() == {"secretKeyRef"}, name


@pytest.mark.parametrize("case", CASES)
def test_every_variable_is_a_setting(case: str) -> None:
    """An unknown TRIAGE_ variable stops the process at start-up."""
    settings = {PREFIX + name.upper() for name in Settings.model_fields}
    for _, pod in rendered(case).pods():
        assert {name for name in environment(pod) if name.startswith(PREFIX)} <= settings


@pytest.mark.parametrize("case", CASES)
def test_the_settings_of_every_pod_are_valid(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, pod in rendered(case).pods():
        if name.endswith("-test"):
            continue
        with monkeypatch.context() as patch:
            # The certificates are in the pod, not here.
            patch.setattr("pathlib.Path.is_file", lambda path: path.is_absolute())
            for variable, value in environment(pod).items():
                secret = "redis://secret" if variable == "TRIAGE_REDIS_URL" else "a/b@c"
                patch.setenv(variable, value if isinstance(value, str) else secret)
            Settings(_env_file=None)  # type: ignore[call-arg]


def test_a_pool_has_its_queues_handlers_and_slots() -> None:
    release = Release(EVERYTHING)
    bulk, cpu = (environment(release.pod(f"-worker-{name}")) for name in ("bulk", "cpu"))
    assert (bulk["TRIAGE_QUEUES"], cpu["TRIAGE_QUEUES"]) == ("bulk=3,slow=1", "cpu")
    assert (bulk["TRIAGE_CONCURRENCY"], cpu["TRIAGE_CONCURRENCY"]) == ("20", "2")
    assert (bulk["TRIAGE_NAMESPACE"], cpu["TRIAGE_NAMESPACE"]) == ("shop", "default")
    assert environment(release.pod("-worker-tenants"))["TRIAGE_NAMESPACES"] == "shop=3,team-*=1"
    assert cpu["TRIAGE_HANDLERS"] == "shop.cpu,shop.images"
    # Without `handlers`, the image's own TRIAGE_HANDLERS applies.
    assert not {"TRIAGE_HANDLERS", "TRIAGE_NAMESPACES"} & set(bulk)


def test_without_keys_the_api_listens_on_loopback_and_its_probes_run_inside() -> None:
    pod = rendered("trial without keys").pod("-api")
    variables = environment(pod)
    assert (variables["TRIAGE_AUTH"], variables["TRIAGE_HOST"]) == ("off", "127.0.0.1")
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert "exec" in container(pod)[probe]
    assert rendered("trial without keys").of("Pod") == []


def test_a_scaled_deployment_has_no_replica_count() -> None:
    """Otherwise every upgrade would reset the count."""
    release = Release(EVERYTHING)
    scaled = {
        manifest["spec"]["scaleTargetRef"]["name"]
        for kind in ("HorizontalPodAutoscaler", "ScaledObject")
        for manifest in release.of(kind)
    }
    pools = {f"demo-triage-worker-{pool}" for pool in ("bulk", "cpu", "two")}
    assert scaled == {"demo-triage-api", *pools}
    for deployment in release.of("Deployment"):
        assert ("replicas" in deployment["spec"]) == (deployment["metadata"]["name"] not in scaled)


def test_scaling_down_is_slow_because_every_pod_that_goes_drains() -> None:
    release = Release(EVERYTHING)
    rules = [row["spec"]["behavior"] for row in release.of("HorizontalPodAutoscaler")]
    rules += [
        row["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        for row in release.of("ScaledObject")
    ]
    assert len(rules) == 4
    assert all(rule["scaleDown"]["stabilizationWindowSeconds"] == 300 for rule in rules)


def test_keda_adds_up_the_queues_of_a_pool() -> None:
    scaled = Release(EVERYTHING).one("ScaledObject", "-worker-bulk")["spec"]
    urls = [trigger["metadata"]["url"] for trigger in scaled["triggers"]]
    base = "http://demo-triage-api.prod.svc:80/internal/autoscale?queue="
    assert urls == [base + "bulk", base + "slow"]
    modifiers = scaled["advanced"]["scalingModifiers"]
    assert modifiers["formula"] == " + ".join(trigger["name"] for trigger in scaled["triggers"])
    # The target per pod is the number of jobs that it runs at once.
    assert modifiers["target"] == "20"


def test_keda_uses_the_key_from_the_secret() -> None:
    release = Release(EVERYTHING)
    authentication = release.one("TriggerAuthentication", "-worker-bulk")
    row = {"parameter": "token", "name": "shop-api-key", "key": "api-key"}
    assert authentication["spec"]["secretTargetRef"] == [row]
    for trigger in release.one("ScaledObject", "-worker-bulk")["spec"]["triggers"]:
        assert trigger["metadata"]["authMode"] == "bearer"
        assert trigger["authenticationRef"] == {"name": "demo-triage-worker-bulk"}


def test_open_metrics_need_no_key() -> None:
    release = rendered("open metrics")
    assert environment(release.pod("-api"))["TRIAGE_METRICS_OPEN"] == "true"
    assert release.of("TriggerAuthentication") == []
    assert "authorization" not in release.of("ServiceMonitor")[0]["spec"]["endpoints"][0]


def test_monitors_find_the_ports_of_their_pods() -> None:
    release = Release(EVERYTHING)
    (service,) = release.of("Service")
    (monitor,) = release.of("ServiceMonitor")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] in [row["name"] for row in service["spec"]["ports"]]
    (monitor,) = release.of("PodMonitor")
    assert monitor["spec"]["podMetricsEndpoints"][0]["port"] == "admin"
    for deployment in release.of("Deployment"):
        template = deployment["spec"]["template"]
        is_worker = "-worker-" in deployment["metadata"]["name"]
        chosen = monitor["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
        assert chosen == is_worker


def test_the_ingress_does_not_lead_to_metrics_probes_and_internals() -> None:
    (ingress,) = rendered("ingress").of("Ingress")
    paths = [path["path"] for path in ingress["spec"]["rules"][0]["http"]["paths"]]
    for closed in ("/metrics", "/internal/autoscale", "/livez", "/readyz"):
        assert not any(closed.startswith(path) for path in paths)


def test_only_prometheus_reaches_the_workers() -> None:
    """Their port serves metrics."""
    policy = rendered("network policy").one("NetworkPolicy", "-worker")["spec"]
    (rule,) = policy["ingress"]
    assert rule["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    ]
    closed = rendered("closed network").one("NetworkPolicy", "-worker")["spec"]
    assert "Ingress" in closed["policyTypes"]
    assert "ingress" not in closed


def test_handlers_cannot_reach_metadata_services_and_private_addresses() -> None:
    policy = rendered("network policy").one("NetworkPolicy", "-worker")["spec"]
    block = policy["egress"][-1]["to"][0]["ipBlock"]
    assert {"169.254.0.0/16", "10.0.0.0/8"} <= set(block["except"])
    assert len(rendered("network policy").one("NetworkPolicy", "-api")["spec"]["egress"]) == 2


def test_only_the_api_reaches_the_token_issuer() -> None:
    release = Release(EVERYTHING)
    rule = {"ports": [{"port": 8443}], "to": [{"ipBlock": {"cidr": "10.2.0.0/16"}}]}
    assert rule in release.one("NetworkPolicy", "-api")["spec"]["egress"]
    assert rule not in release.one("NetworkPolicy", "-worker")["spec"]["egress"]
    assert not any("JWT" in name for name in environment(release.pod("-worker-cpu")))
    file = rendered("tokens with keys from a file")
    assert len(file.one("NetworkPolicy", "-api")["spec"]["egress"]) == 2
    for address in ("https://issuer.example.com/jwks?port=:8443", "https://[2001:db8::1]/jwks"):
        given = {"issuer": "a", "audience": "b", "jwksUrl": address}
        policy = Release({"auth": {"jwt": given}, "networkPolicy": ON}).one("NetworkPolicy", "-api")
        assert policy["spec"]["egress"][-1] == {"ports": [{"port": 443}]}


def test_rules_and_dashboard_are_the_files_of_the_chart() -> None:
    release = Release(EVERYTHING)
    (rule,) = release.of("PrometheusRule")
    text = (CHART / "rules/triage.yaml").read_text()
    assert rule["spec"] == yaml.safe_load(
        text.replace("docs/runbook.md", "https://docs.example.com/runbook/")
    )
    (rule,) = Release({"metrics": {"prometheusRule": ON}}).of("PrometheusRule")
    assert rule["spec"] == yaml.safe_load(text)
    dashboard = release.one("ConfigMap", "-dashboard")
    text = dashboard["data"]["triage.json"]
    assert json.loads(text) == json.loads((CHART / "dashboards/triage.json").read_text())
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"


@pytest.mark.parametrize("case", CASES)
def test_the_notes_name_what_was_installed(case: str) -> None:
    release = rendered(case)
    deployments = {row["metadata"]["name"] for row in release.of("Deployment")}
    mentioned = {word.split("/")[1] for word in release.notes.split() if word.startswith("deploy/")}
    assert mentioned <= deployments
    assert ("none" in release.notes) == (case == "no pools")


def test_the_default_values_need_no_operator_or_controller() -> None:
    kinds: dict[str, int] = {}
    for manifest in Release().manifests:
        kinds[manifest["kind"]] = kinds.get(manifest["kind"], 0) + 1
    expected: dict[str, Any] = {
        "Deployment": 2,
        "PodDisruptionBudget": 2,
        "Service": 1,
        "ServiceAccount": 1,
        "Pod": 1,
    }
    assert kinds == expected


def _hook(manifest: Manifest) -> str | None:
    return manifest["metadata"].get("annotations", {}).get("helm.sh/hook")


def test_the_only_hooks_are_the_test_and_the_namespaces() -> None:
    release = Release({"metrics": {"podMonitor": ON}})
    hooks = {
        manifest["metadata"]["name"]: hook for manifest in release.manifests if (hook := _hook(manifest))
    }
    assert hooks == {"demo-triage-test": "test"}
    job = rendered("everything").one("Job", "-namespaces")
    # A namespace removed from the values stays, so nothing runs when a release is deleted.
    assert _hook(job) == "post-install,post-upgrade,post-rollback"


def test_a_pool_overrides_defaults_with_false_zero_and_nothing_as_well() -> None:
    release = Release(
        {
            "workerDefaults": {"replicas": 3, "handlers": "shop", "pdb": {"enabled": True}},
            "workers": {"default": {"replicas": 0, "handlers": "", "pdb": {"enabled": False}}, "other": {}},
        }
    )
    assert release.one("Deployment", "-worker-default")["spec"]["replicas"] == 0
    assert release.one("Deployment", "-worker-other")["spec"]["replicas"] == 3
    assert "TRIAGE_HANDLERS" not in environment(release.pod("-worker-default"))
    budgets = {manifest["metadata"]["name"] for manifest in release.of("PodDisruptionBudget")}
    assert budgets == {"demo-triage-api", "demo-triage-worker-other"}
