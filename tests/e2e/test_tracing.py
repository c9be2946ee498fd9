"""One trace from the request over the job and its run to the jobs that the run enqueues."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import Cluster

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADERS = {"traceparent": f"00-{TRACE}-{SPAN}-01"}


def submit(cluster: Cluster, name: str, **payload: Any) -> dict[str, Any]:
    response = cluster.http.post("/v1/jobs", json={"name": name, "payload": payload}, headers=HEADERS)
    assert response.status_code == 202
    return cluster.until(response.json()["id"], "succeeded", "dead")


def span_of(traceparent: str) -> str:
    _, trace, span, _ = traceparent.split("-")
    assert trace == TRACE
    return span


def test_without_opentelemetry_the_context_reaches_the_run_and_its_children(cluster: Cluster) -> None:
    cluster.start_api()
    cluster.start_worker(handlers="tests.support.traced")

    parent = submit(cluster, "traced", depth=1)
    child = cluster.until(parent["result"]["child"], "succeeded")
    grandchild = cluster.until(submit(cluster, "traced-process-parent")["result"], "succeeded")

    assert (parent["trace_id"], child["trace_id"]) == (TRACE, TRACE)
    assert parent["result"]["traceparent"] == child["result"]["traceparent"] == HEADERS["traceparent"]
    assert submit(cluster, "traced-thread")["result"] == HEADERS["traceparent"]
    assert submit(cluster, "traced-process")["result"] == HEADERS["traceparent"]
    assert grandchild["result"] == HEADERS["traceparent"]


def test_with_opentelemetry_waits_and_runs_are_spans_of_that_trace(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "spans"
    cluster.environment["TRACED_SPANS"] = str(path)
    cluster.start_api()
    worker = cluster.start_worker(handlers="tests.support.traced")

    parent = submit(cluster, "traced", depth=1)
    child = cluster.until(parent["result"]["child"], "succeeded")
    failed = submit(cluster, "traced", fail=True)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0

    spans = [json.loads(line) for line in path.read_text().splitlines()]

    def one(name: str, job: dict[str, Any]) -> dict[str, Any]:
        (found,) = [
            span
            for span in spans
            if span["name"] == name and span["attributes"].get("messaging.message.id") == job["id"]
        ]
        return found

    run, wait = one("run traced", parent), one("wait traced", parent)
    assert {span["context"]["trace_id"] for span in spans} == {f"0x{TRACE}"}
    assert (run["parent_id"], wait["parent_id"]) == (f"0x{SPAN}", f"0x{SPAN}")
    assert wait["end_time"] == run["start_time"]
    assert span_of(parent["result"]["traceparent"]) == run["context"]["span_id"][2:]
    inside = [span for span in spans if span["name"] == "inside"]
    assert run["context"]["span_id"] in {span["parent_id"] for span in inside}
    below = one("run traced", child)
    assert below["parent_id"] == run["context"]["span_id"]
    assert below["attributes"]["messaging.destination.name"] == "default"
    broken = one("run traced", failed)
    assert broken["status"]["status_code"] == "ERROR"
    assert broken["attributes"]["error.type"] == "NonRetryable"
    assert run["status"]["status_code"] == "UNSET"
