"""Pods as Kubernetes runs this chart's: ready before they count, ended by preStop, SIGTERM and grace."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import httpx

from tests.chart.rendering import Manifest, Release, container, environment
from tests.e2e.processes import Cluster, free_port
from tests.support.eventually import eventually_blocking


class Pod:
    """One process of a Deployment; `end` does what the kubelet does."""

    def __init__(self, cluster: Cluster, command: str, port_setting: str, specification: Manifest) -> None:
        self.port = free_port()
        self._specification = specification
        self._variables = {f"TRIAGE_{port_setting.upper()}": str(self.port)}
        drain = environment(specification).get("TRIAGE_DRAIN_SECONDS", "0")
        self._cluster = cluster
        self.process = cluster.start(command, drain_seconds=drain, **{port_setting: self.port})
        eventually_blocking(self._ready, 60, 0.1)

    def _ready(self) -> None:
        assert self.process.poll() is None, self._cluster.logs()
        try:
            assert httpx.get(f"http://127.0.0.1:{self.port}/readyz").status_code == 200
        except httpx.TransportError as error:
            raise AssertionError from error

    def end(self) -> int:
        """Its exit code; raises where the kubelet would have sent SIGKILL."""
        over = time.monotonic() + self._specification["terminationGracePeriodSeconds"]
        hook = container(self._specification)["lifecycle"]["preStop"]
        if "sleep" in hook:
            threading.Event().wait(hook["sleep"]["seconds"])
        else:
            command = [sys.executable, *hook["exec"]["command"][1:]]
            subprocess.run(command, env={**os.environ, **self._variables}, check=True, capture_output=True)
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(over - time.monotonic())


class Load(threading.Thread):
    """Submits jobs one by one to any endpoint, repeating with the same key where the docs allow it."""

    def __init__(self, endpoints: list[int], stopping: threading.Event, body: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self._endpoints = endpoints
        self._stopping = stopping
        self._body = body
        self.accepted: list[str] = []
        self.failed: list[str] = []
        self.retried = 0

    def run(self) -> None:
        with httpx.Client(timeout=10) as http:
            while not self._stopping.wait(0.01):
                self._submit(http, f"{self.name}-{len(self.accepted)}")

    def _submit(self, http: httpx.Client, key: str) -> None:
        for attempt in range(20):
            self.retried += bool(attempt)
            url = f"http://127.0.0.1:{random.choice(self._endpoints)}/v1/jobs"
            try:
                response = http.post(url, json=self._body, headers={"Idempotency-Key": key})
            except httpx.TransportError:
                continue
            if response.status_code == 503 and "retry-after" in response.headers:
                continue
            if response.status_code == 202:
                self.accepted.append(response.json()["id"])
            else:
                self.failed.append(response.text)
            return
        self.failed.append(f"{key}: no response")


class Deployment:
    """Replaces its pods one by one, the new one first, as `maxSurge` and `maxUnavailable: 0` say."""

    def __init__(self, cluster: Cluster, release: Release, name: str, replicas: int) -> None:
        self._cluster = cluster
        self._command, self._port = ("api", "port") if name == "-api" else ("worker", "worker_port")
        self._specification = release.pod(name)
        self.pods = [self._start() for _ in range(replicas)]
        #: Ports of pods that are ready and not terminating, as a Service would have them.
        self.endpoints = [pod.port for pod in self.pods]

    def _start(self) -> Pod:
        return Pod(self._cluster, self._command, self._port, self._specification)

    def roll(self) -> list[int]:
        """Exit codes of the old pods."""
        codes: list[int] = []
        for old in list(self.pods):
            new = self._start()
            self.pods.append(new)
            self.endpoints.append(new.port)
            self.pods.remove(old)
            self.endpoints.remove(old.port)
            codes.append(old.end())
        return codes
