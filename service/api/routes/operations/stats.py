"""The history of the last 24 hours, per queue and per job type."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import Query, Response

from service.api.context import Context
from service.api.openapi.operation import operation
from service.api.responses import rendering
from service.api.responses.errors import ValidationFailed
from service.api.routes.router import Router
from service.api.schemas.history import stats as schemas
from service.api.schemas.parts.fields import Name, Time
from service.domain.checks import to_ms
from service.domain.stats import COUNTED, MINUTE_MS, SAMPLED, Kind, Mark, Tally, Window, percentile
from service.store.stats.history import comparable

router = Router(prefix="/v1/stats", tags=["stats"])

_STEPS = {"1m": 1, "5m": 5, "1h": 60}
_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_DAY_MS = 86_400_000
#: Marks that a response has.
_MARKS = 100

From = Annotated[Time | None, Query(alias="from", description="Default: 24 h before `to`.")]
To = Annotated[Time | None, Query(description="Default: now.")]


@router.get(
    "",
    name="get_stats",
    **operation("queues:read", "Read the history", {200: ("The history.", schemas.StatsOut)}),
)
async def get_stats(
    context: Context,
    queue: Name | None = None,
    type: Annotated[Name | None, Query(description="A job type. Not together with `queue`.")] = None,
    from_: From = None,
    to: To = None,
    step: Annotated[Literal["1m", "5m", "1h"], Query(description="The length of a step.")] = "5m",
) -> Response:
    """Counts, wait and run times and depth of a queue, of a job type, or of the whole namespace.

    Covers up to 24 hours. `from` and `to` are rounded outwards to whole steps.
    """
    if queue is not None and type is not None:
        rows = [{"pointer": "type", "code": "conflict", "message": "give either queue or type, not both"}]
        raise ValidationFailed(errors=rows)
    window = _window(await context.namespace.queries.now(), from_, to, _STEPS[step])
    stats = context.namespace.stats
    kind: Kind | None = "queue" if queue is not None else "type" if type is not None else None
    steps = (await stats.series(kind, queue or type, window)).steps
    marks = [mark for mark in await stats.marks(window) if queue is None or mark.queue in (None, queue)]
    return rendering.respond(
        {
            "object": "stats",
            "queue": queue,
            "type": type,
            **_bounds(window),
            "step": step,
            "step_seconds": window.step * 60,
            "points": window.points,
            **{name: _column(steps, index) for index, name in enumerate(COUNTED)},
            "wait_seconds": _percentile_columns([step and step.wait for step in steps]),
            "run_seconds": _percentile_columns([step and step.run for step in steps]),
            "depth": None if type is not None else _depth(steps),
            "totals": _totals(steps),
            "marks": [_mark(mark) for mark in marks[-_MARKS:]],
        }
    )


@router.get(
    "/queues",
    name="list_queue_stats",
    **operation("queues:read", "Compare the history of queues", {200: ("Every queue.", schemas.StatsPage)}),
)
async def list_queue_stats(
    context: Context,
    from_: From = None,
    to: To = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> Response:
    """The queues with activity in the window, most dead jobs and failed attempts first."""
    return await _compare(context, "queue", from_, to, limit)


@router.get(
    "/job-types",
    name="list_job_type_stats",
    **operation(
        "queues:read", "Compare the history of job types", {200: ("Every job type.", schemas.StatsPage)}
    ),
)
async def list_job_type_stats(
    context: Context,
    from_: From = None,
    to: To = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> Response:
    """The job types with activity in the window, most dead jobs and failed attempts first."""
    return await _compare(context, "type", from_, to, limit)


async def _compare(context: Context, kind: Kind, from_: Time | None, to: Time | None, limit: int) -> Response:
    now = await context.namespace.queries.now()
    exact = _window(now, from_, to, 1)
    step = comparable(exact, now // MINUTE_MS)
    window = _window(now, from_, to, step)
    found = await context.namespace.stats.all_series(kind, window)
    names = sorted(found, key=lambda name: _trouble(name, found[name].steps), reverse=True)[:limit]
    items = [_row(name, found[name].steps) for name in names]
    return rendering.respond(
        {"items": items, "next_cursor": None, **_bounds(window), "trend_step_seconds": step * 60}
    )


def _trouble(name: str, steps: Sequence[Tally | None]) -> tuple[int, int, int, str]:
    """Sorts names with many dead jobs last, then those with many failed attempts."""
    counts = [step.counts for step in steps if step is not None]
    started, _, failed, dead, _ = (sum(column) for column in zip(*counts, strict=True))
    return dead, failed, started, name


def _row(name: str, steps: Sequence[Tally | None]) -> dict[str, Any]:
    trend = {field: _column(steps, COUNTED.index(field)) for field in ("succeeded", "failed", "dead")}
    return {"name": name, **_totals(steps), "trend": trend}


def _window(now: int, from_: Time | None, to: Time | None, step: int) -> Window:
    until = now if to is None else to_ms(to)
    since = until - _DAY_MS if from_ is None else to_ms(from_)
    if since >= until:
        rows = [{"pointer": "from", "code": "out_of_order", "message": "must be before `to`"}]
        raise ValidationFailed(errors=rows)
    return Window.covering(since, until, step)


def _bounds(window: Window) -> dict[str, Any]:
    first, after = (rendering.time(minute * MINUTE_MS) for minute in (window.first, window.after))
    return {"from": first, "to": after}


def _column(steps: Sequence[Tally | None], index: int) -> list[int | None]:
    return [None if step is None else step.counts[index] for step in steps]


def _percentile_columns(histograms: Sequence[dict[int, int] | None]) -> dict[str, list[float | None]]:
    return {
        name: [percentile(histogram or {}, share) for histogram in histograms]
        for name, share in _SHARES.items()
    }


def _depth(steps: Sequence[Tally | None]) -> dict[str, list[int | None]]:
    return {
        name: [None if step is None or step.depth is None else step.depth[index] for step in steps]
        for index, name in enumerate(SAMPLED)
    }


def _totals(steps: Sequence[Tally | None]) -> dict[str, Any]:
    total = Tally.sum(step for step in steps if step is not None)
    return {
        **dict(zip(COUNTED, total.counts, strict=True)),
        "wait_seconds": {name: percentile(total.wait, share) for name, share in _SHARES.items()},
        "run_seconds": {name: percentile(total.run, share) for name, share in _SHARES.items()},
    }


def _mark(mark: Mark) -> dict[str, Any]:
    return {
        "at": rendering.time(mark.at),
        "kind": mark.kind,
        "version": mark.version,
        "queue": mark.queue,
        "job_type": mark.job_type,
    }
