"""The history, the events of a namespace and the causes of dead letters, against the API."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx

from service.store.namespace import Namespace
from tests.api.running import Running
from tests.clients.scripted import Script, stream
from tests.clients.working import work
from tests.support.eventually import eventually
from tests.support.factories import HOPELESS
from triage_client import AsyncTriage, job_spec
from triage_client.types import EventOut


async def test_dead_letters_are_grouped_and_retried_by_cause(triage: AsyncTriage, store: Namespace) -> None:
    await triage.submit_many([job_spec("work", queue="bulk")] * 3)
    await work(store, lambda _: HOPELESS)
    (group,) = [row async for row in triage.dead_letter_groups(queue="bulk", order="last_seen")]
    assert (group["count"], group["error_type"]) == (3, "ValueError")
    fingerprint = group["fingerprint"]
    assert len([row async for row in triage.dead_letters(fingerprint=fingerprint)]) == 3
    assert (await triage.count_dead_letters(fingerprint=fingerprint))["matched"] == 3


async def test_the_history_is_read_by_queue_and_type(triage: AsyncTriage) -> None:
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    stats = await triage.stats(queue="default", start=hour_ago, step="1m")
    assert (stats["queue"], stats["step_seconds"]) == ("default", 60)
    assert (await triage.stats(job_type="work", end=datetime.now(UTC)))["type"] == "work"
    assert (await triage.queue_stats(start=hour_ago, limit=5))["items"] == []
    assert (await triage.job_type_stats())["items"] == []


async def test_events_of_the_namespace_arrive(running: Running) -> None:
    async with AsyncTriage(f"http://127.0.0.1:{running.port}") as triage:
        seen: list[EventOut] = []

        async def read() -> None:
            async for event in triage.events(queue="bulk", types=["queue"]):
                seen.append(event)

        reading = asyncio.create_task(read())

        async def has_arrived() -> None:
            await triage.queue("bulk").pause()
            await triage.queue("bulk").resume()
            assert seen

        await eventually(has_arrived)
        assert (seen[0]["object"], seen[0]["id"]) == ("queue", "bulk")
        reading.cancel()


async def test_a_gap_is_told_and_the_stream_continues() -> None:
    ready = b"id: 1-1\nevent: ready\ndata: {}\n\n"
    gap = b'id: 9-1\nevent: gap\ndata: {"reason":"old"}\n\n'
    dead = b'id: 9-2\ndata: {"type":"job.dead"}\n\n'
    media_type = "text/event-stream"
    script = Script(stream(media_type, [ready, httpx.ReadError("reset")]), stream(media_type, [gap, dead]))
    gaps: list[bool] = []
    events = script.triage.events(types=["job.dead", "flow"], on_gap=lambda: gaps.append(True))
    assert (await anext(events))["type"] == "job.dead"
    assert gaps == [True]
    assert dict(script.requests[1].url.params) == {"types": "job.dead,flow"}
    assert script.requests[1].headers["Last-Event-ID"] == "1-1"
