"""Fan-outs with real processes: killed submissions and workers, and handlers that start fan-outs."""

import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import orjson

from tests.e2e.processes import Cluster
from tests.support.eventually import eventually_blocking

REPORT = {"name": "scripted", "payload": {"do": "dependencies"}}


def read(cluster: Cluster, id: str, **params: Any) -> dict[str, Any]:
    fan_out = cluster.http.get(f"/v1/fan-outs/{id}", params=params).json()
    counts = dict(fan_out["counts"])
    assert counts.pop("total") == sum(counts.values()), fan_out
    return fan_out


def ended(cluster: Cluster, id: str, seconds: float = 60) -> dict[str, Any]:
    def check() -> dict[str, Any]:
        fan_out = read(cluster, id, wait=0.2)
        assert fan_out["state"] not in ("open", "running"), (fan_out, cluster.logs())
        return fan_out

    return eventually_blocking(check, seconds)


def summary(cluster: Cluster, fan_out: dict[str, Any]) -> dict[str, Any]:
    """What the follow-up has read; it ran once."""
    then = cluster.until(fan_out["then_job_id"], "succeeded")
    assert (then["deliveries"], then["attempt"]) == (1, 1)
    return then["result"]["fan_out"]


def lines(cluster: Cluster, id: str, **params: Any) -> list[dict[str, Any]]:
    response = cluster.http.get(f"/v1/fan-outs/{id}/results", params=params)
    return [orjson.loads(line) for line in response.content.splitlines()]


def test_a_killed_submission_continues_when_it_is_sent_again(cluster: Cluster) -> None:
    api = cluster.start_api()
    cluster.start_worker(concurrency=50)
    size = 8_000
    items = [{"value": number} for number in range(size)]
    body = orjson.dumps({"template": {"name": "scripted"}, "items": items, "then": REPORT})
    headers = {"Content-Type": "application/json", "Idempotency-Key": "orders-of-may"}

    def submit() -> None:
        try:
            url = f"http://127.0.0.1:{cluster.port}/v1/fan-outs"
            httpx.post(url, content=body, headers=headers, timeout=60)
        except httpx.TransportError:
            return

    client = threading.Thread(target=submit)
    client.start()
    enough = random.randint(500, size // 2)

    def partly_stored() -> None:
        fan_outs = cluster.http.get("/v1/fan-outs").json()["items"]
        assert fan_outs
        assert fan_outs[0]["counts"]["total"] >= enough

    eventually_blocking(partly_stored, 30, interval=0.005)
    api.kill()
    client.join()
    cluster.start_api()
    [left] = cluster.http.get("/v1/fan-outs").json()["items"]
    assert left["state"] == "open"
    assert enough <= left["counts"]["total"] < size
    response = cluster.http.post("/v1/fan-outs", content=body, headers=headers)
    assert response.status_code == 202, response.text
    assert response.headers["idempotency-replayed"] == "true"
    assert response.json()["id"] == left["id"]
    fan_out = ended(cluster, left["id"])
    assert (fan_out["state"], fan_out["counts"]["succeeded"]) == ("succeeded", size)
    assert summary(cluster, fan_out)["counts"]["succeeded"] == size
    values = [row["result"]["value"] for row in lines(cluster, fan_out["id"])]
    assert values == list(range(size))


def test_workers_that_are_killed_lose_no_item(cluster: Cluster) -> None:
    cluster.start_api()
    worker = cluster.start_worker(concurrency=10)
    cluster.start_worker(concurrency=10)
    items = [{"seconds": 0.02, "do": "give_up" if number % 100 == 7 else "ok"} for number in range(1_000)]
    fan_out = cluster.http.post(
        "/v1/fan-outs",
        json={
            "template": {"name": "scripted", "tags": {"batch": "a"}},
            "items": items,
            "failure_tolerance": {"percent": 5},
            "then": REPORT,
        },
    ).json()

    def begun() -> None:
        assert read(cluster, fan_out["id"])["counts"]["succeeded"] > 50

    eventually_blocking(begun, 30)
    worker.send_signal(signal.SIGKILL)
    fan_out = ended(cluster, fan_out["id"])
    assert (fan_out["state"], fan_out["counts"]["dead"]) == ("succeeded", 10)
    assert summary(cluster, fan_out) == {
        "id": fan_out["id"],
        "state": "succeeded",
        "counts": fan_out["counts"],
    }
    assert [row["index"] for row in lines(cluster, fan_out["id"], state="dead")] == list(range(7, 1_000, 100))


def test_a_handler_that_runs_again_has_started_its_fan_outs_once(cluster: Cluster) -> None:
    cluster.start_api()
    cluster.start_worker()
    job = cluster.submit(payload={"do": "fan_out", "value": [3, 250]}, retry={"delay_seconds": 0.05})
    small, large = cluster.until(job["id"], "succeeded")["result"]
    assert {row["id"] for row in cluster.http.get("/v1/fan-outs").json()["items"]} == {small, large}
    for id, size in ((small, 3), (large, 250)):
        fan_out = ended(cluster, id)
        assert (fan_out["queue"], fan_out["counts"]["succeeded"]) == ("items", size)
        assert summary(cluster, fan_out)["counts"]["total"] == size
    process = cluster.submit("scripted-process", payload={"do": "fan_out"})
    assert ended(cluster, cluster.until(process["id"], "succeeded")["result"])["counts"]["total"] == 2


def test_a_file_of_items_is_sent_and_followed_to_its_end(cluster: Cluster, tmp_path: Path) -> None:
    cluster.start_api()
    cluster.start_worker()
    orders = tmp_path / "orders.ndjson"
    orders.write_text("".join(f'{{"value": {number}}}\n' for number in range(250)))

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from service.cli import main; main()", "fan-out", "scripted", *arguments],
            env={**cluster.environment, "TRIAGE_URL": f"http://127.0.0.1:{cluster.port}"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    options = ["--items", str(orders), "--chunk", "100", "--then", "scripted", "--idempotency-key", "k"]
    first = command(*options, "--json")
    assert first.returncode == 0, first.stderr
    fan_out = orjson.loads(first.stdout)
    assert (fan_out["state"], fan_out["counts"]["succeeded"]) == ("succeeded", 250)
    again = command(*options)
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith(f"{fan_out['id']}  scripted  succeeded: 250 total, 250 succeeded")
    assert "250/250" in again.stderr
    orders.write_text('{"value": 1}\n{"do": "give_up"}\n')
    assert (bad := command("--items", str(orders))).returncode == 1, bad.stdout
    assert "failed: 2 total, 1 succeeded, 1 dead" in bad.stdout
    orders.write_text('{"value": 1}\n[1]\n')
    assert "JSON object" in command("--items", str(orders)).stderr
    orders.write_text('{"value": 1}\n{\n')
    assert "line 2 is not JSON" in command("--items", str(orders)).stderr
