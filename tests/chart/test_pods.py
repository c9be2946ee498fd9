"""What every pod of the chart has in common, whatever the values."""

import pytest

from tests.chart.matrix import CASES, rendered
from tests.chart.rendering import Release, container, environment
from workers.engine.drain import LAST_SECONDS


@pytest.mark.parametrize("case", CASES)
def test_pods_obey_the_restricted_pod_security_standard(case: str) -> None:
    for _, pod in rendered(case).pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC", "initContainers"}
        assert all(volume.keys() <= {"name", "emptyDir", "secret", "configMap"} for volume in pod["volumes"])
        security = container(pod)["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize("case", CASES)
def test_pods_have_no_token_and_no_service_links(case: str) -> None:
    """A Service named triage would set TRIAGE_PORT=tcp://..., which is not a valid setting."""
    for _, pod in rendered(case).pods():
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False


@pytest.mark.parametrize("case", CASES)
def test_every_container_has_requests_a_memory_limit_and_somewhere_to_write(case: str) -> None:
    for _, pod in rendered(case).pods():
        resources = container(pod)["resources"]
        assert {"cpu", "memory"} <= resources["requests"].keys()
        assert "memory" in resources["limits"]
        # A throttled worker renews its leases late.
        assert "cpu" not in resources["limits"]
        assert {"name": "tmp", "mountPath": "/tmp"} in container(pod)["volumeMounts"]


@pytest.mark.parametrize("case", CASES)
def test_every_deployment_has_all_three_probes(case: str) -> None:
    for deployment in rendered(case).of("Deployment"):
        only = container(deployment["spec"]["template"]["spec"])
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert only[probe]["periodSeconds"] * only[probe]["failureThreshold"] >= 10
        # Liveness never depends on Redis, because restarts do not bring it back.
        assert "readyz" not in str(only["startupProbe"]) + str(only["livenessProbe"])
        assert "readyz" in str(only["readinessProbe"])


def test_a_workers_probes_ask_its_admin_port() -> None:
    only = container(Release().pod("-worker-default"))
    assert only["ports"] == [{"name": "admin", "containerPort": 8081}]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert only[probe]["httpGet"]["port"] == "admin"


def test_the_grace_for_a_blocked_event_loop_exceeds_the_workers_own() -> None:
    probe = container(Release().pod("-worker-default"))["livenessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] > 60


def test_pre_stop_of_a_worker_starts_its_drain() -> None:
    only = container(Release().pod("-worker-default"))
    command = ["python3", "-m", "service.commands.container", "drain"]
    assert only["lifecycle"]["preStop"]["exec"]["command"] == command


@pytest.mark.parametrize("seconds", [0, 0.5, 30, 3600, 86400])
def test_the_grace_period_covers_pre_stop_drain_and_hand_back(seconds: float) -> None:
    pod = Release({"workers": {"default": {"drainSeconds": seconds}}}).pod("-worker-default")
    assert float(environment(pod)["TRIAGE_DRAIN_SECONDS"]) == seconds
    # preStop; then LAST_SECONDS each for runs, Redis and the goodbye; hooks; the admin port.
    needed = 3 + seconds + 3 * LAST_SECONDS + 5 + 1
    assert pod["terminationGracePeriodSeconds"] >= needed + 5


def test_the_grace_period_of_the_api_covers_pre_stop_and_open_requests() -> None:
    from service.api.main import SHUTDOWN_SECONDS

    pod = Release({"api": {"preStopSeconds": 20}}).pod("-api")
    assert container(pod)["lifecycle"]["preStop"] == {"sleep": {"seconds": 20}}
    assert pod["terminationGracePeriodSeconds"] >= 20 + SHUTDOWN_SECONDS + 5


def test_old_workers_drain_after_new_ones_are_there() -> None:
    for deployment in rendered("everything").of("Deployment"):
        assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": "25%", "maxUnavailable": 0}


@pytest.mark.parametrize("case", CASES)
def test_pods_are_spread_over_nodes_and_zones_by_their_own_selector(case: str) -> None:
    for deployment in rendered(case).of("Deployment"):
        spec = deployment["spec"]
        constraints = spec["template"]["spec"].get("topologySpreadConstraints", [])
        assert len(constraints) == (0 if case == "no spreading, no budgets" else 2)
        for constraint in constraints:
            assert constraint["labelSelector"] == spec["selector"]
            assert constraint["whenUnsatisfiable"] == "ScheduleAnyway"


def test_both_run_the_same_image_with_different_commands() -> None:
    release = Release({"image": {"repository": "registry.test/triage", "tag": "2"}})
    assert {container(pod)["image"] for _, pod in release.pods()} == {"registry.test/triage:2"}
    assert container(release.pod("-api"))["command"] == ["triage", "api"]
    assert container(release.pod("-worker-default"))["command"] == ["triage", "worker"]
