"""Event streams and results that break, and what is read from their bytes."""

import httpx
import orjson
import pytest

import triage_client
from tests.clients.scripted import Script, event, job, problem, stream
from triage_client._core.lines import EventParser, Lines

BROKEN = httpx.ReadError("Connection reset")
EVENTS, RESULTS = "text/event-stream", "application/x-ndjson"


def line(index: int, text: str = "") -> bytes:
    return orjson.dumps({"index": index, "state": "succeeded", "result": text}) + b"\n"


def test_lines_end_at_line_feeds_only() -> None:
    lines = Lines()
    text = "a\u2028b\x85c\x0bd\r"
    assert [*lines.feed(text.encode()[:4]), *lines.feed(text.encode()[4:])] == []
    assert list(lines.feed(b"\n\nnext\nrest")) == [text.encode(), b"", b"next"]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_an_event_is_the_same_in_pieces_of_any_size(size: int) -> None:
    whole = (
        b':\n\nretry: 2000\nid: 4\ndata: {\ndata: "a": 1}\n\n'
        b'event: shutdown\r\ndata:{"code":"x"}\r\n\r\nevent: deleted\n\ndata: {}\nid: 9'
    )
    parser = EventParser()
    events = [found for at in range(0, len(whole), size) for found in parser.feed(whole[at : at + size])]
    assert [(row.name, row.data, row.id) for row in events] == [
        ("message", {"a": 1}, "4"),
        ("shutdown", {"code": "x"}, "4"),
        ("deleted", None, "4"),
    ]
    assert parser.retry == 2.0


async def test_a_broken_event_stream_continues_after_the_last_event() -> None:
    script = Script(
        stream(EVENTS, [b"retry: 500\n\n" + event("queued", 1), event("running", 2)[:-5], BROKEN]),
        problem(503, "backend_unavailable", retryable=True),
        stream(EVENTS, [event("running", 2), b"event: shutdown\ndata: {}\n\n"]),
        stream(EVENTS, [event("succeeded", 5)]),
    )
    seen = [row async for row in script.triage.job("job_1").events()]
    assert [row["version"] for row in seen] == [1, 2, 5]
    ids = [request.headers.get("Last-Event-ID") for request in script.requests]
    assert ids == [None, "1", "1", "2"]
    assert script.pauses == [0.5, 0.5, 0.25]


async def test_an_event_stream_ends_with_the_finished_job() -> None:
    finished = Script(stream(EVENTS, [event("dead", 7), event("queued", 8)]))
    assert [row["state"] async for row in finished.triage.job("job_1").events()] == ["dead"]
    assert len(finished.requests) == 1
    nothing_new = Script(stream(EVENTS, [event("queued", 1)]), httpx.Response(204))
    assert [row["state"] async for row in nothing_new.triage.job("job_1").events()] == ["queued"]


@pytest.mark.parametrize(
    ("name", "data", "error"),
    [
        (b"unauthorized", b'{"code":"scope_missing"}', triage_client.ScopeMissing),
        (b"unauthorized", b'{"code":"unauthenticated"}', triage_client.Unauthenticated),
        (b"deleted", b"{}", triage_client.NotFound),
    ],
)
async def test_a_stream_that_cannot_continue_raises(name: bytes, data: bytes, error: type[Exception]) -> None:
    script = Script(stream(EVENTS, [event("queued", 1) + b"event: " + name + b"\ndata: " + data + b"\n\n"]))
    with pytest.raises(error):
        _ = [row async for row in script.triage.job("job_1").events()]
    assert len(script.requests) == 1


async def test_a_stream_of_an_api_that_stays_away_raises_after_a_minute() -> None:
    script = Script(stream(EVENTS, [event("queued", 1)]), httpx.ConnectError("refused"))
    with pytest.raises(triage_client.NoResponse, match="refused"):
        _ = [row async for row in script.triage.job("job_1").events()]
    assert 60 < sum(script.pauses) < 80


async def test_an_idle_stream_survives_a_restart_after_an_hour() -> None:
    def much_later() -> httpx.Response:
        script.now += 3600
        return stream(EVENTS, [event("queued", 1), BROKEN])()

    script = Script(much_later, *[httpx.ConnectError("refused")] * 3, stream(EVENTS, [event("dead", 2)]))
    assert [row["state"] async for row in script.triage.job("job_1").events()] == ["queued", "dead"]


async def test_a_stream_waits_while_redis_is_unavailable_and_does_not_hurry() -> None:
    away = stream(EVENTS, [b'event: unavailable\ndata: {"code":"backend_unavailable"}\n\n'])
    empty = stream(EVENTS, [b""])
    script = Script(
        away, empty, empty, stream(EVENTS, [b"id: 7\n\nid: 8\nda"]), stream(EVENTS, [event("dead", 9)])
    )
    assert [row["version"] async for row in script.triage.job("job_1").events()] == [9]
    assert script.pauses == [0.25, 0.5, 1.0, 2.0]
    # A keep-alive may carry an id; an incomplete event does not count.
    assert script.requests[-1].headers["Last-Event-ID"] == "7"
    with pytest.raises(triage_client.BackendUnavailable):
        _ = [row async for row in Script(away).triage.job("job_1").events()]


async def test_results_survive_a_slow_reader() -> None:
    script = Script(stream(RESULTS, [line(0), BROKEN]), stream(RESULTS, [line(1)]))
    seen: list[int] = []
    async for row in script.triage.fan_out_by_id("fan_1").results():
        seen.append(row["index"])
        script.now += 600
    assert seen == [0, 1]


async def test_a_page_of_a_proxy_is_no_event_stream() -> None:
    script = Script(stream("text/html", [b"<html>"]))
    with pytest.raises(triage_client.UnexpectedResponse, match="with text/html"):
        _ = [row async for row in script.triage.job("job_1").events()]


async def test_broken_results_continue_after_the_last_line() -> None:
    script = Script(
        stream(RESULTS, [line(0, "\u2028"), line(1) + line(2)[:9], BROKEN]),
        stream(RESULTS, [line(2), line(3)]),
    )
    results = script.triage.fan_out_by_id("fan_1").results(state="succeeded")
    rows = [row async for row in results]
    assert [row["index"] for row in rows] == [0, 1, 2, 3]
    assert rows[0]["result"] == "\u2028"
    queries = [dict(request.url.params) for request in script.requests]
    assert queries == [{"from_index": "0", "state": "succeeded"}, {"from_index": "2", "state": "succeeded"}]


async def test_results_are_read_as_they_arrive() -> None:
    """So that a million of them need no memory, and the first can be used at once."""
    results = (
        Script(stream(RESULTS, [line(0), AssertionError("read ahead")]))
        .triage.fan_out_by_id("fan_1")
        .results()
    )
    assert (await anext(results))["index"] == 0


async def test_waiting_tolerates_an_outage_and_polls_that_end_early() -> None:
    def slow() -> httpx.Response:
        script.now += 25
        return job("running")

    down = [httpx.ConnectError("refused")] * 7
    script = Script(slow, *down, job("running"), job("succeeded", result=7))
    assert await script.triage.job("job_1").result() == 7
    polls = [float(request.url.params["wait"]) for request in script.requests]
    assert polls == [25.0] * len(polls)
    # The job was still running after the last but one, which had not waited.
    assert script.pauses[-1] == 0.5


async def test_waiting_ends_after_its_time() -> None:
    def patient() -> httpx.Response:
        script.now += float(script.requests[-1].url.params["wait"])
        return job("running")

    script = Script(patient)
    with pytest.raises(triage_client.WaitTimeout, match="job_1 is still running after 60 s"):
        await script.triage.job("job_1").result(timeout=60)
    assert [float(request.url.params["wait"]) for request in script.requests] == [25, 25, 10]
    with pytest.raises(TimeoutError):
        await script.triage.job("job_1").wait(timeout=0)
    assert len(script.requests) == 4
    script = Script(httpx.ConnectError("refused"))
    with pytest.raises(triage_client.NoResponse):
        await script.triage.job("job_1").wait(timeout=3)
    assert script.now < 12
