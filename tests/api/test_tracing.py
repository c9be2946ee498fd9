"""The trace of a request continues in its job, with and without OpenTelemetry."""

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext

from service.store.namespace import Namespace
from service.telemetry.otel import OtelTracer
from tests.api.client import Api, problem

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADERS = {"traceparent": f"00-{TRACE}-{SPAN}-01"}


@pytest.fixture
def spans(api: Api) -> InMemorySpanExporter:
    """The spans of this API, which has its own tracer provider."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    api.app.state.app_state.tracer = OtelTracer(provider)
    return exporter


async def submit(api: Api, headers: dict[str, str] | None = None, **fields: object) -> httpx.Response:
    return await api.http.post("/v1/jobs", json={"name": "work", **fields}, headers=headers)


async def stored(store: Namespace, id: str) -> str | None:
    job = await store.queries.job(id)
    assert job is not None
    return job.traceparent


def only(spans: InMemorySpanExporter) -> ReadableSpan:
    (span,) = spans.get_finished_spans()
    return span


def named(span: ReadableSpan) -> SpanContext:
    assert span.context is not None
    return span.context


async def test_without_opentelemetry_the_trace_context_is_passed_on_as_it_came(
    api: Api, store: Namespace
) -> None:
    job = (await submit(api, HEADERS)).json()

    assert job["trace_id"] == TRACE
    assert await stored(store, job["id"]) == HEADERS["traceparent"]
    assert (await api.http.get(f"/v1/jobs/{job['id']}")).json()["trace_id"] == TRACE


async def test_a_traceparent_that_is_not_valid_is_ignored(api: Api) -> None:
    job = (await submit(api, {"traceparent": f"00-{'0' * 32}-{SPAN}-01"})).json()

    assert job["trace_id"] is None


async def test_a_submission_is_a_span_and_the_job_its_child(
    api: Api, store: Namespace, spans: InMemorySpanExporter
) -> None:
    job = (await submit(api, HEADERS)).json()

    span = only(spans)
    assert span.name == "submit work"
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == SPAN
    assert job["trace_id"] == TRACE
    assert await stored(store, job["id"]) == f"00-{TRACE}-{named(span).span_id:016x}-01"


async def test_a_submission_without_a_trace_begins_one(
    api: Api, store: Namespace, spans: InMemorySpanExporter
) -> None:
    job = (await submit(api)).json()

    assert job["trace_id"] == f"{named(only(spans)).trace_id:032x}"


async def test_a_refused_submission_is_a_span_that_failed(api: Api, spans: InMemorySpanExporter) -> None:
    unique = {"key": "k", "on_conflict": "reject"}
    await submit(api, unique=unique)
    spans.clear()

    problem(await submit(api, unique=unique), 409, "unique_conflict")

    span = only(spans)
    assert not span.status.is_ok
    assert (span.attributes or {})["error.type"] == "unique_conflict"


async def test_many_jobs_of_one_request_are_one_span(
    api: Api, store: Namespace, spans: InMemorySpanExporter
) -> None:
    response = await api.http.post("/v1/jobs/bulk", json={"jobs": [{"name": "a"}, {"name": "b"}]})

    ids = [row["job"]["id"] for row in response.json()["results"]]
    span = only(spans)
    begin = f"00-{named(span).trace_id:032x}-{named(span).span_id:016x}-"
    assert [(await stored(store, id) or "")[: len(begin)] for id in ids] == [begin, begin]


async def test_a_replayed_submission_returns_the_first_trace(api: Api) -> None:
    first = await submit(api, {**HEADERS, "Idempotency-Key": "k"})
    again = await submit(api, {"traceparent": f"00-{'a' * 32}-{SPAN}-01", "Idempotency-Key": "k"})

    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["trace_id"] == first.json()["trace_id"] == TRACE


async def test_the_jobs_of_a_flow_are_children_of_its_submission(
    api: Api, store: Namespace, spans: InMemorySpanExporter
) -> None:
    jobs = {"a": {"job": {"name": "a"}}, "b": {"job": {"name": "b"}, "depends_on": ["a"]}}

    created = (await api.http.post("/v1/flows", json={"name": "two", "jobs": jobs}, headers=HEADERS)).json()

    begin = f"00-{TRACE}-{named(only(spans)).span_id:016x}-"
    for id in created["jobs"].values():
        assert (await stored(store, id) or "").startswith(begin)
