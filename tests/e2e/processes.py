"""Real processes for end-to-end tests: a server, the API, workers, started and stopped by the test."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import orjson

from service.api.auth.credentials import SCOPES
from service.store.redis.embedded import EmbeddedServer
from tests.e2e.fork_server import ROOT, ForkedProcess, fork_server
from tests.support.eventually import eventually_blocking

#: Short enough for tests, long enough for a loaded machine.
LEASE_SECONDS = 3.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Cluster:
    """One server, one API, any number of workers; `stop` ends every process that still runs."""

    def __init__(self, directory: Path, server: EmbeddedServer, **settings: Any) -> None:
        self.directory = directory
        self.server = server
        self.port = free_port()
        self.processes: list[ForkedProcess | subprocess.Popen[bytes]] = []
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TRIAGE_")},
            "PYTHONPATH": str(ROOT),
            "TRIAGE_REDIS_URL": server.url,
            "TRIAGE_AUTH": "off",
            "TRIAGE_PORT": str(self.port),
            "TRIAGE_WORKER_PORT": "0",
            "TRIAGE_WORKER_HOST": "127.0.0.1",
            "TRIAGE_HANDLERS": "tests.support.scripted",
            "TRIAGE_LEASE_SECONDS": str(LEASE_SECONDS),
            "TRIAGE_DRAIN_SECONDS": "0.3",
            "TRIAGE_CANCEL_GRACE_SECONDS": "0.5",
            **{f"TRIAGE_{name.upper()}": str(value) for name, value in settings.items()},
        }
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=40)

    def start(self, command: str, **settings: Any) -> ForkedProcess:
        environment = {
            **self.environment,
            **{f"TRIAGE_{name.upper()}": str(v) for name, v in settings.items()},
        }
        log = self.directory / f"{command}-{len(self.processes)}.log"
        process = fork_server().start(command, environment, self.directory, log)
        self.processes.append(process)
        return process

    def start_api(self) -> ForkedProcess:
        process = self.start("api")

        def ready() -> None:
            assert process.poll() is None, self.logs()
            try:
                assert self.http.get("/readyz").status_code == 200
            except httpx.TransportError as error:
                raise AssertionError from error

        eventually_blocking(ready, 30)
        return process

    def start_worker(self, **settings: Any) -> ForkedProcess:
        before = {row["id"] for row in self.workers()}
        process = self.start("worker", **settings)

        def registered() -> None:
            assert process.poll() is None, self.logs()
            # Compare ids, not counts: a worker that was killed earlier may drop out meanwhile.
            assert {row["id"] for row in self.workers()} - before

        eventually_blocking(registered, 30)
        return process

    def create_key(self) -> str:
        """A key with every scope, made as an operator makes it."""
        command = [
            "keys",
            "create",
            "tests",
            "--namespace",
            "default",
            "--json",
            "--scopes",
            ",".join(SCOPES),
        ]
        created = subprocess.run(
            [sys.executable, "-c", "from service.cli import main; main()", *command],
            env=self.environment,
            cwd=self.directory,
            capture_output=True,
            check=True,
        )
        return orjson.loads(created.stdout)["key"]

    def workers(self) -> list[dict[str, Any]]:
        return [row for row in self.http.get("/v1/workers").json()["items"] if row["state"] != "lost"]

    def submit(self, name: str = "scripted", **fields: Any) -> dict[str, Any]:
        payload = fields.pop("payload", {})
        response = self.http.post("/v1/jobs", json={"name": name, "payload": payload, **fields})
        assert response.status_code == 202, response.text
        return response.json()

    def job(self, id: str) -> dict[str, Any]:
        return self.http.get(f"/v1/jobs/{id}").json()

    def until(self, id: str, *states: str, seconds: float = 30) -> dict[str, Any]:
        """The job once it is in one of the states."""

        def reached() -> dict[str, Any]:
            job = self.job(id)
            assert job["state"] in states, (job, self.logs())
            return job

        return eventually_blocking(reached, seconds)

    def logs(self) -> str:
        return "".join(path.read_text()[-3000:] for path in sorted(self.directory.glob("*.log")))

    def stop(self) -> None:
        self.http.close()
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
