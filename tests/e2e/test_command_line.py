"""The command line against a live server, as people type it."""

import json

from tests.e2e.command_line import triage
from tests.e2e.processes import Cluster


def test_a_flow_from_a_file_is_followed_to_its_end_and_drawn(cluster: Cluster) -> None:
    cluster.start_api()
    cluster.start_worker(handlers="workers.handlers")
    run = triage(cluster, "flow", "examples/invoice.yaml")
    assert run.returncode == 0, run.stderr
    id, name, state, *_ = run.stdout.split()
    assert (name, state) == ("invoice", "succeeded:")
    assert "4 succeeded" in run.stdout
    graph = triage(cluster, "graph", id).stdout
    assert graph.startswith("flowchart TD\n")
    assert "generate-invoice<br/>succeeded" in graph
    assert "-->|finished|" in graph
    edges = json.loads(triage(cluster, "graph", id, "--json").stdout)["edges"]
    assert len(edges) == 3


def test_a_flow_that_fails_ends_the_command_with_1(cluster: Cluster) -> None:
    cluster.start_api()
    cluster.start_worker()
    path = cluster.directory / "flow.json"
    job = {"name": "scripted", "payload": {"do": "give_up"}}
    path.write_text(json.dumps({"name": "broken", "jobs": {"only": {"job": job}}}))
    run = triage(cluster, "flow", str(path), "--json")
    assert run.returncode == 1
    assert json.loads(run.stdout)["counts"]["dead"] == 1
    path.write_text(json.dumps({"name": "broken", "jobs": {"only": {"job": job, "depends_on": ["only"]}}}))
    run = triage(cluster, "flow", str(path))
    assert run.returncode == 1
    assert "422 flow_invalid" in run.stderr
    assert "/jobs/only/depends_on/0: the job depends on itself: only -> only" in run.stderr


def test_a_job_is_explained(cluster: Cluster) -> None:
    cluster.start_api()
    id = cluster.submit()["id"]
    run = triage(cluster, "get", id, "--explain")
    assert run.stdout == "queued\nno_worker: No live worker serves queue default.\n"
    reasons = json.loads(triage(cluster, "get", id, "--explain", "--json").stdout)["reasons"]
    assert [reason["code"] for reason in reasons] == ["no_worker"]


def test_dead_jobs_that_match_are_retried_with_one_command(cluster: Cluster) -> None:
    cluster.start_api()
    cluster.start_worker()
    job = cluster.submit(payload={"do": "give_up"})
    cluster.until(job["id"], "dead")
    assert triage(cluster, "dlq", "retry", "--queue", "default", "--dry-run").stdout == "1 match\n"
    cluster.http.post("/v1/queues/default/pause")
    run = triage(cluster, "dlq", "retry", "--queue", "default", "--reason", "non_retryable", "--rate", "10")
    assert run.returncode == 0, run.stderr
    assert "succeeded: 1 retried, 0 skipped" in run.stdout
    assert cluster.job(job["id"])["state"] == "queued"
    run = triage(cluster, "dlq", "retry")
    assert run.returncode == 1
    assert "/filter: set at least one filter" in run.stderr
