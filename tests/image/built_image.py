"""The image, built by its Dockerfile and run as the chart runs it; `make image-test` names this file."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.store.redis.embedded import EmbeddedServer
from tests.e2e.processes import free_port
from tests.image.builder import ROOT, Builder, Container, Image
from tests.support.eventually import eventually_blocking

BASE, TRIAGE, CUSTOM = "localhost/base:test", "localhost/triage:test", "localhost/custom:test"
HEALTH = ("python3", "-m", "service.commands.container")
SCOPES = "jobs:read,jobs:write,payload:read"
Start = Callable[..., Container]

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    builder = Builder(tmp_path_factory.mktemp("buildah"))
    builder.base(ROOT / ".cache/image/base.tar", BASE)
    yield builder
    builder.close()


@pytest.fixture(scope="session")
def image(builder: Builder) -> Image:
    builder.build(ROOT, TRIAGE, BASE_IMAGE=BASE, REVISION="0123abc")
    return builder.image(TRIAGE)


@pytest.fixture(scope="session")
def custom(builder: Builder, image: Image) -> Image:
    builder.build(ROOT / "examples/custom-handlers", CUSTOM, BASE_IMAGE=BASE, TRIAGE_IMAGE=TRIAGE)
    return builder.image(CUSTOM)


@pytest.fixture
def redis(tmp_path: Path, server_binary: Path) -> Iterator[str]:
    port = free_port()
    with EmbeddedServer(tmp_path / "data", server_binary, ["--port", str(port), "--bind", "127.0.0.1"]):
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture
def start(redis: str, tmp_path: Path) -> Iterator[Start]:
    """Start a container on the test's Redis; any that still runs at the end of the test is killed."""
    containers: list[Container] = []

    def start(image: Image, name: str, *command: str, **environment: str) -> Container:
        container = image.start(
            tmp_path / f"{name}.log", command, TRIAGE_REDIS_URL=redis, TRIAGE_LEASE_SECONDS="3", **environment
        )
        containers.append(container)
        return container

    yield start
    for container in containers:
        container.stop()


def healthy(container: Container) -> None:
    """According to the image's own HEALTHCHECK."""

    def check() -> None:
        assert container.process.poll() is None, container.log.read_text()
        code, output = container.execute(*HEALTH, "livez")
        assert code == 0, output + container.log.read_text()

    eventually_blocking(check, 60, 0.2)


def client(api: Container, port: int) -> httpx.Client:
    """With a key made as the documentation says: by `triage keys create` in the API's container."""
    code, output = api.execute(
        "triage", "keys", "create", "test", "--namespace", "default", "--scopes", SCOPES, "--json"
    )
    assert code == 0, output
    headers = {"Authorization": f"Bearer {json.loads(output)['key']}"}
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=40)


def test_the_image_declares_its_user_and_its_labels(image: Image) -> None:
    config = image.config
    assert config["User"] == "10001:10001"
    assert config["Cmd"] == ["triage", "api"]
    assert not config.get("Entrypoint")
    assert config["Healthcheck"]["Test"] == ["CMD", *HEALTH, "livez"]
    labels = config["Labels"]
    assert labels["org.opencontainers.image.title"] == "Triage"
    assert labels["org.opencontainers.image.revision"] == "0123abc"
    assert all(labels[f"org.opencontainers.image.{name}"] for name in ("description", "version"))


def test_the_image_has_no_build_tools_and_no_files_that_its_user_may_change(image: Image) -> None:
    tools = {"pip", "pip3", "gcc", "cc", "make", "git", "uv", "hatch"}
    folders = ("opt/triage/bin", "usr/local/bin", "usr/bin")
    # A base image may ship its own pip; the stand-in does not.
    assert [tool for folder in folders for tool in tools if (image.root / folder / tool).exists()] == []
    found = [path for path in (image.root / "opt").rglob("*") if path.lstat().st_uid != 0]
    assert found == []


def test_api_and_worker_run_contained_and_a_job_succeeds(image: Image, start: Start) -> None:
    port, worker_port = free_port(), free_port()
    api = start(image, "api", TRIAGE_PORT=str(port))
    worker = start(
        image,
        "worker",
        "triage",
        "worker",
        TRIAGE_WORKER_PORT=str(worker_port),
        TRIAGE_HANDLERS="workers.handlers",
    )
    for container in (api, worker):
        healthy(container)
        status = container.status()
        assert status["Uid"].split() == ["10001"] * 4
        assert (status["NoNewPrivs"], status["CapEff"]) == ("1", "0" * 16)
        code, output = container.execute("touch", "/opt/handlers/x")
        assert code != 0
        assert "Read-only file system" in output

    with client(api, port) as http:
        job = http.post(
            "/v1/jobs",
            json={"name": "send-alert", "payload": {"user_id": "u-1"}},
            headers={"Prefer": "wait=30"},
        ).json()
        pages = [http.get(path).status_code for path in ("/dashboard", "/docs")]
    assert job["state"] == "succeeded", job
    assert pages == [200, 200]

    assert worker.terminate(20) == 0, worker.log.read_text()
    assert api.terminate(20) == 0, api.log.read_text()


def test_custom_handlers_run_and_a_rollout_waits_for_them(custom: Image, start: Start) -> None:
    port, worker_port = free_port(), free_port()
    api = start(custom, "api", TRIAGE_PORT=str(port))
    worker = start(
        custom, "worker", "triage", "worker", TRIAGE_WORKER_PORT=str(worker_port), TRIAGE_DRAIN_SECONDS="30"
    )
    healthy(api)
    healthy(worker)
    with client(api, port) as http:
        payload: dict[str, Any] = {"grams": 1200, "seconds": 3}
        id = http.post("/v1/jobs", json={"name": "pack-parcel", "payload": payload}).json()["id"]

        def running() -> None:
            assert http.get(f"/v1/jobs/{id}").json()["state"] == "running", worker.log.read_text()

        eventually_blocking(running, 30)
        code, output = worker.execute(*HEALTH, "drain")
        assert code == 0, output
        assert worker.terminate(30) == 0, worker.log.read_text()
        job = http.get(f"/v1/jobs/{id}").json()
    assert (job["state"], job["result"], job["deliveries"]) == ("succeeded", "a parcel of 1.20 kg", 1)
    assert api.terminate(20) == 0


def test_a_worker_has_the_built_in_job_type_and_no_samples(image: Image, tmp_path: Path) -> None:
    code, output = image.run(tmp_path / "log", "triage", "check")
    assert (code, output.strip()) == (0, "The configuration is valid: 1 job types.")


def test_an_invalid_setting_ends_the_container_with_78_and_is_named(image: Image, tmp_path: Path) -> None:
    code, output = image.run(tmp_path / "log", "triage", "api", TRIAGE_PORT="tcp://10.0.0.1:8080")
    assert code == 78
    assert "TRIAGE_PORT" in output
