"""The benchmarks measure what they claim: run with few jobs, whose figures mean nothing."""

from pathlib import Path

import pytest

from benchmarks import drain, http
from service.store.redis.connect import connect
from service.store.redis.embedded import EmbeddedServer

pytestmark = pytest.mark.anyio
JOBS = 300


async def test_a_drain_and_submissions_are_measured(
    server_binary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "JOBS", JOBS)
    monkeypatch.setattr(http, "REQUESTS", JOBS)
    monkeypatch.setattr(http, "BULK_REQUESTS", 2)
    with EmbeddedServer(tmp_path / "data", server_binary) as server:
        redis = connect(server.url)
        try:
            drained = [await drain.stock(redis, server.url, tmp_path / "stock")]
            drained += [await drain.triage(redis, server.url, tmp_path / "triage")]
            sent = [await http.stock(redis, server.url), await http.triage(redis, server.url)]
            bulk = await http.bulk(redis, server.url)
        finally:
            await redis.aclose()
    assert all(row.per_second > 0 for row in drained)
    assert all(row.per_second > 0 and row.p99 >= row.p50 > 0 for row in sent)
    assert (sent[0].trips, 0 < sent[1].trips <= 1, 0 < bulk.trips <= 0.01) == (0, True, True)
