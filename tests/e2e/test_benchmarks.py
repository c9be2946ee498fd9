"""The benchmark measures what it says: with few jobs, whose figures mean nothing, and without any peer."""

from pathlib import Path

import pytest

from benchmarks.bench import Bench
from benchmarks.load import generator
from benchmarks.rows import drain, http, space, waits
from benchmarks.systems import triage
from benchmarks.systems.triage import Triage

pytestmark = pytest.mark.anyio
JOBS = 300


@pytest.mark.long
async def test_a_drain_a_wait_and_a_jobs_memory_are_measured(
    server_binary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space, "JOBS", JOBS)
    monkeypatch.setattr(waits, "JOBS", 20)
    async with Bench(tmp_path, server_binary) as bench:
        drained = await drain.drain(bench, Triage, JOBS)
        waited = await waits.waits(bench, Triage, "delayed")
        queued = await space.memory(bench, Triage)
    assert drained.figure > 0
    assert drained.cpu_us["Redis"] > 0
    # A finished job keeps its payload of 200 bytes and a result.
    assert 250 < drained.also["bytes kept"] < 10_000
    assert 0 < waited.also["ms p50"] <= waited.figure <= waited.also["ms at most"]
    assert 200 < queued.figure < 10_000


async def test_submissions_are_measured(
    server_binary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator, "WRK", tmp_path / "nothing")
    monkeypatch.setattr(http, "SECONDS", 1)
    async with Bench(tmp_path, server_binary) as bench:
        figures = await http.single(bench, triage.api)
    assert figures.figure > 0
    assert 0 < figures.also["ms p50"] <= figures.also["ms p99"]
    assert figures.cpu_us["API"] > 0
