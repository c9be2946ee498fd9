"""Submitting and reading flows."""

import asyncio
import contextlib
from dataclasses import replace
from typing import Annotated, Any, cast

from fastapi import Header, Query, Request, Response
from pydantic import TypeAdapter, ValidationError

from service.api.context import Context, RequestContext
from service.api.openapi.operation import operation
from service.api.requests.limits import one_job
from service.api.requests.streamed_items import EDGES, open_envelope
from service.api.requests.strict_json import parse
from service.api.resources import groups
from service.api.resources.flows import respond
from service.api.resources.jobs import present
from service.api.resources.submissions.durability import confirm, replicates
from service.api.resources.submissions.submission import (
    begin_submission,
    body_digest,
    read_callback_of,
    specify,
)
from service.api.resources.submissions.unknown_types import warning_of
from service.api.responses import rendering
from service.api.responses.errors import BodyTooLarge, JsonInvalid, ValidationFailed
from service.api.responses.validation import MAX_ROWS, model_rows
from service.api.routes.router import Router
from service.api.schemas import flows as schemas
from service.api.schemas.jobs import JobPage
from service.api.schemas.parts.fields import Name
from service.api.schemas.parts.parameters import Durability, FlowId, IdempotencyKey
from service.api.schemas.parts.raw_items import RawItems
from service.api.time_slices import TimeSlices
from service.domain.checks import SpecInvalid, join_pointer
from service.domain.errors import BackendUnavailable, OutcomeUnknown
from service.domain.flow import Flow, FlowSpec, Node, arrange
from service.domain.job_filter import JobFilter
from service.store.jobs import Idempotency

router = Router(prefix="/v1/flows", tags=["flows"])

_NAME: TypeAdapter[str] = TypeAdapter(Name)
MERMAID = "text/vnd.mermaid"


@router.post(
    "",
    name="create_flow",
    **operation(
        "jobs:write",
        "Submit a flow",
        {
            202: ("Accepted: the flow is stored and will run.", schemas.FlowOut),
            200: ("It finished while the request waited.", schemas.FlowOut),
        },
        (413, 415, 429, 507),
        status_code=202,
    ),
)
async def create_flow(
    request: Request,
    body: schemas.FlowSpecIn,
    context: Context,
    idempotency_key: IdempotencyKey = None,
    prefer: Annotated[
        str | None, Header(description="wait=N: wait up to N seconds for the flow to finish, at most 30.")
    ] = None,
    durability: Durability = None,
) -> Response:
    """A job runs when its dependencies meet the conditions of its edges, and can read their results.

    Rejects cycles, unknown keys and duplicate keys, with their path. The limits are 10,000 jobs and 100,000
    edges.
    """
    span = begin_submission(context, "submit flow")
    spec = await _specify(context, body, span.traceparent)
    idempotency = None
    if idempotency_key is not None:
        digest = await body_digest(request)
        idempotency = Idempotency("POST /v1/flows", idempotency_key, digest)
    id = context.app_state.ids.new("flow", members=len(spec.nodes))
    try:
        admission = await context.namespace.flows.create(id, spec, idempotency)
        if replicates(context, durability, {node.spec.queue for node in spec.nodes.values()}):
            await confirm(context, [admission.flow.id])
    except (BackendUnavailable, OutcomeUnknown) as error:
        raise type(error)(error.message, flow_id=id) from error
    finally:
        span.end()
    flow, jobs = admission.flow, dict(admission.jobs)
    headers = dict(warning_of(context, {node.spec.name for node in spec.nodes.values()}))
    headers |= {"Idempotency-Replayed": "true"} if admission.replayed else {}
    if (ended := await groups.wait_until_finished(context, Flow, flow.id, prefer)) is not None:
        # The flow is stored, and an error would make the client retry it.
        with contextlib.suppress(BackendUnavailable):
            jobs = await context.namespace.groups.flow_jobs(flow.id)
        return respond(ended, jobs, 200, **headers, **{"Preference-Applied": "wait"})
    return respond(flow, jobs, 202, **headers)


async def _specify(context: RequestContext, body: schemas.FlowSpecIn, traceparent: str | None) -> FlowSpec:
    raw = cast(RawItems, body.jobs)
    nodes: dict[str, Node] = {}
    rows: list[dict[str, Any]] = []
    slices = TimeSlices()
    for key, text in zip(raw.keys, raw, strict=True):
        await slices.pause()
        root, document = join_pointer("/jobs", key), None
        try:
            _NAME.validate_python(key)
            document = await _node(context, root, text)
            node = schemas.NodeIn.model_validate(document)
        except ValidationError as error:
            rows += model_rows(error, root, document, schemas.NodeIn)
            if len(rows) >= MAX_ROWS:
                break
            continue
        try:
            spec = await specify(context, node.job, traceparent, f"{root}/job", inside="flow")
        except SpecInvalid as error:
            rows += error.details["errors"]
            continue
        if body.deadline_seconds is not None:
            limit = round(body.deadline_seconds * 1000)
            spec = replace(
                spec, deadline_ms=limit if spec.deadline_ms is None else min(limit, spec.deadline_ms)
            )
        nodes[key] = Node(spec, node.edges())
    if rows:
        raise ValidationFailed(errors=rows[:MAX_ROWS])
    # In a thread, because sorting a hundred thousand edges would block the event loop.
    order = await asyncio.to_thread(arrange, {key: node.edges for key, node in nodes.items()})
    callback = read_callback_of(body.callback, "flow")
    return FlowSpec(body.name, {key: nodes[key] for key in order}, body.on_failure, callback)


async def _node(context: RequestContext, root: str, text: bytes) -> Any:
    """Parse a job and its edges, of which there may be very many."""
    try:
        node = await open_envelope(text, EDGES, one_job(context.app_state.settings))
        if isinstance(node, dict) and isinstance(edges := cast(Any, node).get(EDGES.member), RawItems):
            node[EDGES.member] = [parse(edge) for edge in edges]
    except JsonInvalid as error:
        raise error.inside(root) from None
    except BodyTooLarge as error:
        raise BodyTooLarge(f"{root}: {error.message}") from None
    except ValidationFailed as error:
        rows = [{**row, "pointer": root + row["pointer"]} for row in error.details["errors"]]
        raise ValidationFailed(errors=rows) from None
    return cast(Any, node)


@router.get(
    "",
    name="list_flows",
    **operation("jobs:read", "List flows, newest first", {200: ("A page.", schemas.FlowPage)}),
)
async def list_flows(
    context: Context,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> Response:
    """Each flow has its counts but not its jobs."""
    page = await context.namespace.groups.list(Flow, limit, cursor)
    return await rendering.page(
        (rendering.flow(flow) for flow in await groups.visible(context, page.items)), page.next_cursor
    )


@router.get(
    "/{flow_id}",
    name="get_flow",
    **operation(
        "jobs:read",
        "Read a flow",
        {200: ("The flow.", schemas.FlowOut), 304: ("Not changed.", None)},
        (404,),
    ),
)
async def get_flow(
    flow_id: FlowId,
    context: Context,
    wait: groups.Wait = None,
    if_none_match: groups.IfNoneMatch = None,
) -> Response:
    """`wait` returns once the flow differs from `If-None-Match` or, without that header, has finished."""
    flow = await groups.poll(context, Flow, flow_id, wait, if_none_match)
    if (not_modified := groups.unchanged(flow, if_none_match)) is not None:
        return not_modified
    return respond(flow, await context.namespace.groups.flow_jobs(flow_id))


@router.get(
    "/{flow_id}/graph",
    name="get_flow_graph",
    **operation("jobs:read", "The graph of a flow", {200: ("Nodes and edges.", schemas.GraphOut)}, (404,)),
)
async def get_flow_graph(flow_id: FlowId, request: Request, context: Context) -> Response:
    """A compact graph for drawing. `Accept: text/vnd.mermaid` returns Mermaid text."""
    await groups.read(context, Flow, flow_id)
    jobs, edges = await context.namespace.flows.graph(flow_id)
    found = await context.namespace.queries.jobs(list(jobs.values()))
    if MERMAID in request.headers.get("accept", ""):
        return Response(rendering.mermaid(jobs, found, edges), media_type=MERMAID)
    return rendering.respond(rendering.graph(flow_id, jobs, found, edges))


@router.get(
    "/{flow_id}/jobs",
    name="list_flow_jobs",
    **operation("jobs:read", "List the jobs of a flow", {200: ("A page, newest first.", JobPage)}, (404,)),
)
async def list_flow_jobs(
    flow_id: FlowId,
    context: Context,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> Response:
    """Lists the jobs that still exist; each job has its own retention."""
    page = await context.namespace.group_jobs.page(
        await groups.read(context, Flow, flow_id), JobFilter(), limit, cursor, TimeSlices().pause
    )
    return await rendering.page((present(context, job) for job in page.items), page.next_cursor)
