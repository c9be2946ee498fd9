"""Request metrics equal prometheus-fastapi-instrumentator's own."""

import itertools

import orjson
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_fastapi_instrumentator.metrics import Info, default
from starlette.requests import Request
from starlette.responses import Response

from service.api.metrics.http_metrics import MAX_NAMESPACES, HttpMetrics, RequestMetrics
from service.api.metrics.request_counts import LATENCY_BUCKETS, Requests
from tests.support.exposition import Series, series, value

_METHODS, _STATUSES, _HANDLERS = ("GET", "POST"), ("2xx", "4xx"), ("/v1/jobs", "none")
#: On bounds of either histogram, between them, and beyond.
_SECONDS = (0.0, 0.001, 0.0024, 0.01, 0.02, 0.5, 0.75, 29.9, 30, 60, 61)


def info(method: str, status: str, handler: str, seconds: float, received: int, sent: int) -> Info:
    headers = [(b"content-length", str(received).encode())]
    request = Request({"type": "http", "method": method, "headers": headers})
    return Info(request, Response(b"x" * sent), method, handler, status, seconds + 5, seconds)


def page(registry: CollectorRegistry) -> tuple[list[str], Series]:
    """The comments of a scrape, and its samples without the times at which series began."""
    text = generate_latest(registry).decode()
    comments = sorted(line for line in text.splitlines() if line.startswith("#"))
    return comments, {key: 0 if key[0].endswith("_created") else value for key, value in series(text).items()}


def test_a_scrape_says_the_same() -> None:
    theirs, mine, counted = CollectorRegistry(), CollectorRegistry(), Requests()
    mine.register(counted)
    observe = default(
        latency_lowr_buckets=LATENCY_BUCKETS, should_exclude_streaming_duration=True, registry=theirs
    )
    assert observe is not None
    assert page(mine) == page(theirs)
    labels = itertools.product(_METHODS, _STATUSES, _HANDLERS)
    for number, (key, seconds) in enumerate(itertools.product(labels, _SECONDS)):
        observe(info(*key, seconds, number, number % 7))
        counted.add(key, number, number % 7, seconds)
        if number % 11 == 0:
            assert page(mine)[1] == pytest.approx(page(theirs)[1])
    assert page(mine)[1] == pytest.approx(page(theirs)[1])
    assert page(mine)[0] == page(theirs)[0]


def test_series_say_when_they_began() -> None:
    metrics = RequestMetrics()
    for status in ("2xx", "4xx"):
        metrics.requests.add(("GET", status, "/v1/jobs"), 0, 1, 0.1)
    found = series(generate_latest(metrics.registry).decode())
    first, second = (
        value(found, "http_requests_created", handler="/v1/jobs", method="GET", status=status)
        for status in ("2xx", "4xx")
    )
    begin = value(found, "http_request_duration_highr_seconds_created")
    assert begin is not None
    assert first is not None
    assert second is not None
    assert begin <= first <= second
    assert value(found, "http_request_size_bytes_created", handler="/v1/jobs") == first


@pytest.mark.anyio
async def test_what_processes_hand_over_adds_up_to_what_one_would_count() -> None:
    whole, total = HttpMetrics("home"), HttpMetrics("home")
    processes = [HttpMetrics("home") for _ in range(3)]
    namespaces = [None, "home", *(f"tenant-{number}" for number in range(MAX_NAMESPACES + 5))]
    for number, (seconds, namespace) in enumerate(itertools.product(_SECONDS, namespaces)):
        for metrics in (whole, processes[number % 3]):
            metrics.count(namespace, ("GET", "2xx", f"/v1/{number % 2}"), number, 1, seconds)
            metrics.payload(namespace or "home", number)
            if number % 7 == 0:
                metrics.refused("invalid")
        if number % 5 == 0:
            total.add(orjson.loads(orjson.dumps(processes[number % 3].dump_and_reset())))
    for process in processes:
        total.add(process.dump_and_reset())
    for namespace in (None, "home", "tenant-7"):
        expected, found = [series((await m.page(namespace)).decode()) for m in (whole, total)]
        assert without_times(found) == pytest.approx(without_times(expected))
        assert value(found, "http_requests_total", handler="/v1/0", method="GET", status="2xx")
    assert value(found, "triage_payload_bytes_count") == len(_SECONDS)


def without_times(page: Series) -> Series:
    return {key: number for key, number in page.items() if not key[0].endswith("_created")}
