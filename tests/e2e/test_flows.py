"""Flows with real workers: results handed over, children, lost workers, random graphs."""

import random
import signal
from pathlib import Path
from typing import Any

import pytest

from service.domain.flow import FlowSpec
from tests.e2e.processes import Cluster
from tests.store.flow_model import model_of, random_flow
from tests.support.eventually import eventually_blocking

INVOICE = {"invoice_id": "inv_123"}


def create(cluster: Cluster, jobs: dict[str, Any], **fields: Any) -> dict[str, Any]:
    response = cluster.http.post("/v1/flows", json={"name": "flow", "jobs": jobs, **fields})
    assert response.status_code == 202, response.text
    return response.json()


def ended(cluster: Cluster, id: str, seconds: float = 40) -> dict[str, Any]:
    def check() -> dict[str, Any]:
        flow = cluster.http.get(f"/v1/flows/{id}", params={"wait": 5}).json()
        counts = dict(flow["counts"])
        assert counts.pop("total") == sum(counts.values()), flow
        assert flow["state"] != "running", (flow, cluster.logs())
        return flow

    return eventually_blocking(check, seconds)


def scripted(do: str = "ok", depends_on: Any = (), **fields: Any) -> dict[str, Any]:
    job = {
        "name": fields.pop("name", "scripted"),
        "retry": {"max_attempts": 1},
        "payload": {"do": do, **fields},
    }
    return {"job": job, "depends_on": list(depends_on)}


def test_an_invoice_is_made_of_the_results_that_it_waited_for(cluster: Cluster) -> None:
    cluster.start_api()
    cluster.start_worker(handlers="workers.handlers")
    parts = ["fetch-line-items", "calculate-tax", "apply-discounts"]
    jobs: dict[str, Any] = {
        part: {"job": {"name": part, "queue": "data", "payload": INVOICE}} for part in parts
    }
    jobs["generate-invoice"] = {
        "job": {"name": "generate-invoice", "queue": "invoicing", "payload": INVOICE},
        "depends_on": [parts[0], {"key": parts[1], "when": "finished"}, parts[2]],
    }
    response = cluster.http.post(
        "/v1/flows", json={"name": "invoice", "jobs": jobs}, headers={"Prefer": "wait=20"}
    )
    assert (response.status_code, response.json()["state"]) == (200, "succeeded"), response.text
    invoice = cluster.job(response.json()["jobs"]["generate-invoice"])
    assert invoice["flow_id"] == response.json()["id"]
    assert invoice["flow_key"] == "generate-invoice"
    assert invoice["result"] == {
        "invoice_id": "inv_123",
        "net_cents": 42_700,
        "discount_cents": 4_270,
        "tax_cents": 8_113,
        "total_cents": 46_543,
    }


def test_a_job_waits_for_its_children_and_reads_their_outcomes(cluster: Cluster) -> None:
    cluster.start_api()
    cluster.start_worker(concurrency=1)
    children = {"a": scripted(value=1), "b": scripted("give_up"), "c": scripted(value=3, depends_on=["a"])}
    flow = create(cluster, {"parent": scripted("children", value=children)}, on_failure="continue")
    end = ended(cluster, flow["id"])
    assert (end["state"], end["counts"]["total"], end["counts"]["dead"]) == ("failed", 4, 1)
    assert set(end["jobs"]) == {"parent", "parent/a", "parent/b", "parent/c"}
    parent = cluster.job(flow["jobs"]["parent"])
    assert (parent["state"], parent["attempt"], parent["failures"], parent["crashes"]) == (
        "succeeded",
        1,
        0,
        0,
    )
    assert parent["deliveries"] == 2
    assert parent["result"]["a"] == {"state": "succeeded", "result": {"value": 1}, "error": None}
    assert parent["result"]["b"]["state"] == "dead"
    assert parent["result"]["b"]["error"]["type"] == "NonRetryable"
    assert parent["result"]["c"]["result"] == {"value": 3}


@pytest.mark.parametrize("name", ["scripted-thread", "scripted-process"])
def test_plain_functions_can_wait_for_children_as_well(cluster: Cluster, name: str) -> None:
    cluster.start_api()
    cluster.start_worker()
    id = cluster.submit(name, payload={"children": {"one": scripted(value=1)}})["id"]
    job = cluster.until(id, "succeeded", "dead")
    assert (job["state"], job["deliveries"], job["failures"]) == ("succeeded", 2, 0)
    assert job["result"]["one"]["result"] == {"value": 1}


def test_a_suspect_can_wait_for_children_as_well(cluster: Cluster, tmp_path: Path) -> None:
    cluster.start_api()
    cluster.start_worker()
    payload = {
        "do": "exit_once_then_children",
        "history": str(tmp_path / "history"),
        "value": {"one": scripted(value=1)},
    }
    id = cluster.submit(payload=payload, retry={"max_attempts": 1})["id"]
    eventually_blocking(lambda: [_is_dead(process) for process in cluster.processes[1:2]], 30)
    cluster.start_worker()
    job = cluster.until(id, "succeeded", "dead")
    assert (job["state"], job["crashes"], job["failures"]) == ("succeeded", 0, 0)
    assert job["result"]["one"]["result"] == {"value": 1}


def _is_dead(process: Any) -> None:
    assert process.poll() is not None


def test_a_flow_ends_although_its_worker_is_killed_again_and_again(cluster: Cluster) -> None:
    cluster.start_api()
    worker = cluster.start_worker()
    jobs = {f"j{n}": scripted(depends_on=[f"j{n - 1}"] if n else (), seconds=0.3) for n in range(12)}
    flow = create(cluster, jobs)
    for _ in range(2):
        cluster.until(flow["jobs"]["j3"], "running", "succeeded")
        worker.send_signal(signal.SIGKILL)
        worker = cluster.start_worker()
    end = ended(cluster, flow["id"], 60)
    assert (end["state"], end["counts"]["succeeded"]) == ("succeeded", 12)


def body(spec: FlowSpec, chance: random.Random, outcomes: dict[str, str]) -> dict[str, Any]:
    jobs: dict[str, Any] = {}
    for key, node in spec.nodes.items():
        outcomes[key] = chance.choice(("ok", "ok", "give_up"))
        edges = [{"key": edge.key, "when": edge.when} for edge in node.edges]
        jobs[key] = scripted(outcomes[key], depends_on=edges)
    return {"name": "random", "on_failure": spec.on_failure, "jobs": jobs}


@pytest.mark.long
def test_two_hundred_random_flows_end_as_the_model_says(cluster: Cluster) -> None:
    cluster.start_api()
    cluster.start_worker()
    cluster.start_worker()
    chance = random.Random(7)
    submitted: list[tuple[str, FlowSpec, dict[str, str]]] = []
    for _ in range(200):
        spec, outcomes = random_flow(chance, chance.randint(1, 10)), dict[str, str]()
        response = cluster.http.post("/v1/flows", json=body(spec, chance, outcomes))
        assert response.status_code == 202, response.text
        submitted.append((response.json()["id"], spec, outcomes))
    for id, spec, outcomes in submitted:
        flow = ended(cluster, id)
        jobs = {
            job["flow_key"]: job["state"]
            for job in cluster.http.get(f"/v1/flows/{id}/jobs", params={"limit": 200}).json()["items"]
        }
        if spec.on_failure == "continue":
            model = model_of(spec)
            for key in spec.nodes:
                if model.jobs[key].state == "queued":
                    model.jobs[key].started = True
                    model.end(key, "dead" if outcomes[key] == "give_up" else "succeeded")
            assert jobs == {key: job.state for key, job in model.jobs.items()}, (id, spec, outcomes)
            assert flow["state"] == model.state
        else:
            # Which independent jobs had started when one died depends on the workers.
            assert flow["state"] == ("failed" if "dead" in jobs.values() else "succeeded")
