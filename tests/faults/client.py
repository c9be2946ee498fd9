"""A well-behaved client: it retries until it gets a definite response, with the same Idempotency-Key."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.e2e.processes import Cluster
from tests.support.eventually import eventually_blocking

JOBS = 60


def starts(history: Path) -> Counter[str]:
    lines = history.read_text().splitlines() if history.exists() else []
    return Counter(line.split()[1] for line in lines if line.startswith("start "))


def submit(cluster: Cluster, number: int, **fields: Any) -> str:
    """Submit a job, retrying until there is a definite response; returns its id."""

    def send() -> str:
        response = cluster.http.post(
            "/v1/jobs",
            json={"name": "scripted", **fields},
            headers={"Idempotency-Key": f"k-{number}"},
        )
        assert response.status_code != 500, response.text
        assert response.status_code == 202, response.text
        return response.json()["id"]

    return eventually_blocking(send, 20, 0.05)


def submit_all(cluster: Cluster, history: Path, count: int = JOBS) -> list[str]:
    fields = {"payload": {"history": str(history), "seconds": 0.05}}
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda number: submit(cluster, number, **fields), range(count)))
    assert len(set(ids)) == count
    return ids


def until(cluster: Cluster, id: str, state: str) -> dict[str, Any]:
    """The job once it is in that state; outages on the way are tolerated."""

    def reached() -> dict[str, Any]:
        response = cluster.http.get(f"/v1/jobs/{id}")
        assert response.status_code == 200, response.text
        assert response.json()["state"] == state, response.text
        return response.json()

    return eventually_blocking(reached, 30)


def ran_once(cluster: Cluster, ids: list[str], history: Path) -> None:
    for id in ids:
        job = until(cluster, id, "succeeded")
        assert (job["deliveries"], job["failures"], job["crashes"]) == (1, 0, 0), job
    assert starts(history) == Counter(ids)


def all_succeeded(cluster: Cluster, ids: list[str]) -> None:
    for id in ids:
        response = cluster.http.get(f"/v1/jobs/{id}")
        assert response.status_code == 200
        assert response.json()["state"] == "succeeded"
