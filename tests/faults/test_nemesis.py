"""One fault after the other under load: all acknowledged jobs finish, and with the right outcome."""

import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.store.namespace import Namespace
from service.store.redis.connect import connect
from service.tasks import end
from tests.faults.auditing import Auditing
from tests.faults.backends import backend_of
from tests.faults.load import ENDS, Load
from tests.faults.nemesis import Nemesis
from tests.faults.site import Site
from tests.support import invariants
from tests.support.eventually import eventually

#: `NEMESIS_SECONDS=600 NEMESIS_SEED=7 pytest tests/faults/test_nemesis.py` searches longer or repeats a run.
SECONDS = float(os.environ.get("NEMESIS_SECONDS", "12"))
SEED = int(os.environ.get("NEMESIS_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
#: `NEMESIS_SERVER=sentinel` or `cluster`; comma-separated for several.
KINDS = os.environ.get("NEMESIS_SERVER", "server").split(",")
CLIENTS = 4

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(1.5 * SECONDS + 160)]


@pytest.fixture(params=KINDS)
def site(request: pytest.FixtureRequest, server_binary: Path, tmp_path: Path) -> Iterator[Site]:
    with backend_of(request.param, tmp_path, server_binary) as backend:
        site = Site(tmp_path, backend)
        yield site
        site.stop()


async def test_every_acknowledged_job_finishes_as_it_should_under_any_fault(
    site: Site, tmp_path: Path
) -> None:
    site.calm()
    history = tmp_path / "history"
    fails_over = site.backend.fails_over
    load = Load(site.urls, SEED, str(history), "replicated" if fails_over else "stored")
    nemesis = Nemesis(site, SEED)
    clients = [asyncio.create_task(load.client(number)) for number in range(CLIENTS)]
    auditing = Auditing(site.backend.url)
    audits = asyncio.create_task(auditing.run())
    until = asyncio.get_running_loop().time() + SECONDS
    while asyncio.get_running_loop().time() < until:
        await nemesis.act()
        await _goes_on(load)
        if any(client.done() for client in clients):
            break
    load.stopped.set()
    site.calm()
    try:
        await asyncio.gather(*clients)
        ended = await _ended(load)
        _check_jobs(load, ended, history, fails_over=fails_over)
        await _check_structure(site)
        await end([audits])
        await auditing.finish(60 + SECONDS / 2)
        assert auditing.findings == []
    except BaseException as error:
        error.add_note(f"NEMESIS_SEED={SEED}: {nemesis.done}")
        raise
    finally:
        await end([audits])
        await load.close()
    done = Counter(nemesis.done)
    sys.stdout.write(
        f"{sum(done.values())} faults {dict(done)}, {load.acknowledged} submissions, "
        f"{auditing.completed} audits\n"
    )
    for place in [*site.apis, *site.workers]:
        assert place.process.poll() is None, "a process exited without a fault"
        assert {code for sent, code in place.ended if sent == "SIGTERM"} <= {0}, place.ended


async def _goes_on(load: Load) -> None:
    """Wait for a few more submissions, so that some faults hit a system that has recovered."""
    before = load.acknowledged

    def more() -> None:
        assert load.acknowledged > before + 5

    await eventually(more, 30)


async def _ended(load: Load) -> dict[str, dict[str, Any]]:
    """Every acknowledged job after it finished; by then all flows and fan-outs have succeeded."""
    jobs: dict[str, dict[str, Any]] = {}
    for id, do in load.jobs.items():
        jobs[id] = await _until_ended(load, f"/v1/jobs/{id}", f"{do} {id}")
    for kind, known in (("flows", load.flows), ("fan-outs", load.fan_outs)):
        for id, size in known.items():
            group = await _until_ended(load, f"/v1/{kind}/{id}", id)
            assert (group["state"], group["counts"]["succeeded"], group["counts"]["total"]) == (
                "succeeded",
                size,
                size,
            ), group
    return jobs


async def _until_ended(load: Load, path: str, what: str) -> dict[str, Any]:
    async def read() -> dict[str, Any]:
        found = await load.get(path)
        assert found["state"] in ("succeeded", "dead", "cancelled", "failed"), (what, found)
        return found

    return await eventually(read, 60, 0.05)


def _check_jobs(load: Load, ended: dict[str, dict[str, Any]], history: Path, *, fails_over: bool) -> None:
    lines = [line.split() for line in history.read_text().splitlines()]
    started = Counter(words[1] for words in lines if words[0] == "start")
    finished = {words[1] for words in lines if words[0] == "end"}
    for id, job in ended.items():
        state, failures = ENDS[load.jobs[id]]
        # Whether it was cancelled depends on what came first.
        assert job["state"] == state or (job["state"] == "cancelled" and id in load.cancelled), job
        # Failures count only the handler's own, whatever was done to its worker.
        assert job["failures"] == failures or (job["state"] == "cancelled" and job["failures"] < failures), (
            job
        )
        assert job["state"] != "succeeded" or id in finished, job
        # A failover may lose the claim of a run, but no submission that a replica has confirmed.
        assert fails_over or started[id] <= job["deliveries"], (started[id], job)


async def _check_structure(site: Site) -> None:
    redis = connect(site.backend.url)
    try:
        store = Namespace(redis, "default", 0)

        async def audit() -> None:
            await invariants.check(store)

        # Background work, such as tasks and index pruning, may still be in progress.
        await eventually(audit, 15, 0.2)
    finally:
        await redis.aclose()
