"""The lane responds as the application would: status, headers, body, and metrics, logs and spans."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.exposition import generate_latest

from service.api.app import Application
from service.api.lane.lane import Lane
from service.domain.catalogue import JobType
from service.store.namespace import Namespace
from service.telemetry.logs import add_ids
from service.telemetry.otel import OtelTracer
from tests.api.keys import authorization
from tests.api.lane.corpus import (
    JOBS,
    MANY,
    READS,
    REFUSED,
    SUBMISSIONS,
    TRACE,
    Case,
    get,
    left,
    post,
    served,
)
from tests.api.running import Running, serve
from tests.support.exposition import Series, series
from tests.support.factories import register_worker

_WORK = b'{"name":"work"}'
_CHANGING = {
    "ID": r"\b[a-z]+_[0-7][0-9A-HJKMNP-TV-Z]{25}\b",
    "TIME": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    "DATE": r"date: [^\r]+",
    "TRACE": r"\b[0-9a-f]{32}\b",
}


@dataclass
class Side:
    """One of the two servers."""

    running: Running
    name: str
    fan_out: str = ""
    #: Requests that the lane did not serve.
    left: list[str] = field(default_factory=list[str])

    async def ask(self, case: Case, job: str = "") -> str:
        """The whole response, without what differs from one request to the next."""
        return plain((await self.running.say(*case.at(self.name, job, self.fan_out))).decode(), self.name)


def plain(text: str, name: str = "NAME") -> str:
    for word, pattern in _CHANGING.items():
        found: dict[str, str] = {}
        text = re.sub(pattern, lambda match: found.setdefault(match[0], f"{word} {len(found)}"), text)  # noqa: B023
    return text.replace(name, "NAME")


@dataclass
class Pair:
    lane: Side
    rest: Side
    lines: list[Any]

    async def compare(self, case: Case, job: str = "") -> None:
        responses, logs = [], []
        for side in (self.lane, self.rest):
            self.lines.clear()
            responses.append(await side.ask(case, job))
            seen = [{**line, "seconds": 0} for line in self.lines if line["event"] in _EVENTS]
            logs.append([plain(str(sorted(line.items())), side.name) for line in seen])
        assert responses[0] == responses[1]
        assert logs[0] == logs[1]


_EVENTS = ("request", "request_failed", "unexpected_error")


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs([add_ids]) as lines:
        yield lines


@pytest.fixture
async def pair(
    redis_url: str, namespace: str, store: Namespace, lines: list[Any], request: pytest.FixtureRequest
) -> AsyncIterator[Pair]:
    """A server with the lane, and one without it, on one store; `indirect` are settings of both."""
    strict = {"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]}
    types = [JobType("work"), JobType("other"), JobType("strict", strict, {"priority": 3})]
    await register_worker(store, types, job_types=tuple(type.name for type in types))
    given: dict[str, Any] = getattr(request, "param", {})
    async with serve(redis_url, namespace, **given) as first, serve(redis_url, namespace, **given) as second:
        pair = Pair(Side(first, "lane"), Side(second, "rest"), lines)
        application(pair.rest).lane = None
        watch(pair.lane)
        yield pair


def application(side: Side) -> Application:
    app = side.running.server.config.app
    assert isinstance(app, Application)
    return app


def watch(side: Side) -> None:
    lane = application(side).lane
    assert isinstance(lane, Lane)
    rest = lane._rest

    async def leave(scope: Any, receive: Any, send: Any) -> None:
        side.left.append(scope["path"])
        await rest(scope, receive, send)

    lane._rest = leave


async def compare_all(pair: Pair, cases: list[Case], job: str = "") -> None:
    for case in cases:
        pair.lane.left.clear()
        try:
            await pair.compare(case, job)
            assert len(pair.lane.left) == (case.lane is False), "served by the other"
        except AssertionError as error:
            raise AssertionError(f"{case.title}: {error}") from error
    compare_metrics(pair)


def compare_metrics(pair: Pair) -> None:
    pages = [counted(side) for side in (pair.lane, pair.rest)]
    assert pages[0] == pages[1]
    assert any(name == "http_requests_total" for name, _ in pages[0])


def counted(side: Side) -> dict[Any, float]:
    """What metrics of requests say, without times."""
    http = side.running.app_state.metrics.http
    own = http.of(side.running.app_state.settings.namespace)
    assert own is not None
    found: dict[Any, float] = {}
    for registry in (http.process.registry, own.registry):
        page: Series = series(generate_latest(registry).decode())
        found |= {
            (name, labels): value + found.get((name, labels), 0)
            for (name, labels), value in page.items()
            if not name.endswith("_created") and not re.search("duration.*(sum|bucket)", name)
        }
    return found


async def test_submissions(pair: Pair) -> None:
    await compare_all(pair, SUBMISSIONS)


async def test_what_is_refused(pair: Pair) -> None:
    await compare_all(pair, REFUSED)


async def test_reads(pair: Pair, store: Namespace) -> None:
    job = re.search(r"job_\w{26}", (await pair.rest.running.say(post(_WORK))).decode())
    assert job is not None
    await pair.lane.running.say(post(_WORK))
    await compare_all(pair, READS, job[0])


async def test_many_jobs_and_items(pair: Pair) -> None:
    for side in (pair.lane, pair.rest):
        body = b'{"template":{"name":"work"},"items":[]}'
        created = (await side.running.say(post(body, path="/v1/fan-outs"))).decode()
        found = re.search(r"fan_\w{26}", created)
        assert found is not None, created
        side.fan_out = found[0]
    await compare_all(pair, MANY)


@pytest.mark.parametrize("pair", [{"auth": "required"}], indirect=True)
async def test_credentials(pair: Pair, store: Namespace) -> None:
    redis, namespace = store.scripts.redis, store.scripts.namespace
    scopes = {
        "all": ("jobs:read", "jobs:write", "payload:read"),
        "without payloads": ("jobs:read", "jobs:write"),
        "that may not write": ("jobs:read", "payload:read"),
    }
    headers = {
        name: (await authorization(redis, namespace, some))["Authorization"] for name, some in scopes.items()
    }
    lines = {name: f"Authorization: {value}" for name, value in headers.items()}
    await compare_all(
        pair,
        [
            left("no key", post(_WORK)),
            left("another scheme", post(_WORK, "Authorization: Basic YTpi")),
            left("no key behind its scheme", post(_WORK, "Authorization: Bearer")),
            left("an unknown key", post(_WORK, "Authorization: Bearer triage_nothing")),
            left("a key at first", post(_WORK, lines["all"])),
            served("the key again", post(_WORK, lines["all"])),
            served("the scheme in small letters", post(_WORK, lines["all"].replace("Bearer", "bearer"))),
            served("an origin, where there are keys", post(_WORK, lines["all"], "Origin: https://a.example")),
            left("two keys", post(_WORK, lines["all"], lines["all"])),
            left("a key without payloads at first", post(_WORK, lines["without payloads"])),
            served("a key without payloads", post(_WORK, lines["without payloads"])),
            left("a key that may not write at first", post(_WORK, lines["that may not write"])),
            left("a key that may not write", post(_WORK, lines["that may not write"])),
            served("a read with it", get(f"{JOBS}/job_0{'A' * 25}", lines["that may not write"])),
            left("no key for a read", get(f"{JOBS}/job_0{'A' * 25}")),
        ],
    )


async def test_spans(pair: Pair) -> None:
    exporters = [traced(side) for side in (pair.lane, pair.rest)]
    unique = b'{"name":"work","unique":{"key":"NAME","on_conflict":"reject"}}'
    await compare_all(
        pair,
        [
            served("a submission", post(_WORK)),
            served("one with a parent", post(_WORK, f"traceparent: {TRACE}")),
            served("one that is stored", post(unique)),
            served("one that is refused", post(unique)),
            served("many", post(b'{"jobs":[{"name":"work"}]}', path="/v1/jobs/bulk")),
        ],
    )
    mine, theirs = (
        [
            (
                span.name,
                span.kind,
                span.parent and span.parent.span_id,
                span.status.status_code,
                span.attributes,
            )
            for span in exporter.get_finished_spans()
        ]
        for exporter in exporters
    )
    assert len(mine) == 5
    assert mine == theirs


def traced(side: Side) -> InMemorySpanExporter:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    side.running.app_state.tracer = OtelTracer(provider)
    return exporter
