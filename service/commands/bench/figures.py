"""Turns measurements into figures, with notes on how to read them."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from service.commands.bench.ends import End
from service.commands.bench.plan import Plan
from service.commands.bench.run import Measured

#: The share of a CPU core above which this process may be the bottleneck of submissions.
BUSY = 0.8
#: The share of the latency by which this process may be late.
LATE = 0.2
#: With fewer values, the 99th percentile is the maximum.
ENOUGH = 100


def figures(plan: Plan, url: str, measured: Measured) -> dict[str, Any]:
    """The document that --json prints, in seconds, with null for missing measurements."""
    submission, ends = measured.submission, measured.ends
    finished = [end for end in ends if end.finished]
    waits = _differences((end.queued_at, end.started_at) for end in ends)
    runs = _differences((end.started_at, end.finished_at) for end in finished)
    submitted = None
    if submission is not None:
        submitted = {
            "accepted": submission.accepted,
            "seconds": round(submission.seconds, 6),
            "per_second": _rate(submission.accepted, submission.seconds),
            "requests": len(submission.request_seconds),
            "request_seconds": percentiles(submission.request_seconds),
            "client_lag_seconds": percentiles(submission.lags),
            "client_cpu": round(submission.cpu / submission.seconds, 3) if submission.seconds else None,
        }
    span = _span(finished)
    document: dict[str, Any] = {
        "id": plan.id,
        "complete": measured.why is None,
        "why": measured.why,
        "job": plan.job,
        "queue": plan.queue,
        "jobs": plan.jobs,
        "concurrency": plan.concurrency,
        "batch": plan.batch,
        "workers": measured.queue.get("workers", 0),
        "capacity": measured.queue.get("capacity", 0),
        "submission": submitted,
        "errors": dict(submission.errors) if submission is not None else {},
        "states": dict(Counter(end.state for end in ends)),
        "dead": dict(Counter(end.state_reason or "" for end in ends if end.state == "dead")),
        "wait_seconds": percentiles(waits),
        "run_seconds": percentiles(runs),
        "finished_seconds": span,
        "finished_per_second": _rate(len(finished), span),
    }
    return document | {"notes": list(_notes(plan, url, measured, document))}


def percentiles(values: Sequence[float]) -> dict[str, float] | None:
    """Percentiles by nearest rank, so that each is one of the values."""
    if not values:
        return None
    ordered = sorted(values)
    found = {f"p{share}": ordered[math.ceil(len(ordered) * share / 100) - 1] for share in (50, 95, 99)}
    return {name: round(value, 6) for name, value in {**found, "max": ordered[-1]}.items()}


def _differences(pairs: Iterable[tuple[float | None, float | None]]) -> list[float]:
    return [end - begin for begin, end in pairs if begin is not None and end is not None]


def _span(finished: Sequence[End]) -> float | None:
    """Seconds from the first job queued to the last one finished."""
    begins = [end.queued_at for end in finished if end.queued_at is not None]
    ends = [end.finished_at for end in finished if end.finished_at is not None]
    return round(max(ends) - min(begins), 3) if begins and ends else None


def _rate(count: int, seconds: float | None) -> float | None:
    return round(count / seconds, 1) if seconds else None


def _notes(plan: Plan, url: str, measured: Measured, document: dict[str, Any]) -> Iterable[str]:
    submitted, queue = document["submission"], measured.queue
    if submitted is not None:
        lag, latency = submitted["client_lag_seconds"], submitted["request_seconds"]
        late = 0.0 if lag is None else lag["p95"]
        if (submitted["client_cpu"] or 0) > BUSY or (latency and late > LATE * latency["p95"]):
            yield (
                f"This client used {submitted['client_cpu']:.0%} of a core and was {late * 1000:.1f} ms late"
                " (p95): rate and latency are in part its own. Use --batch, another machine, or several"
                " clients with a --queue each."
            )
        if submitted["requests"] < ENOUGH:
            yield f"With only {submitted['requests']} requests, p99 is the slowest one."
        if (submitted["per_second"] or 0) > 1.2 * (document["finished_per_second"] or math.inf):
            yield (
                "Jobs arrived faster than they ran, so the time to start includes the backlog. With "
                "--concurrency 1 it is closer to an idle installation's."
            )
    if (urlsplit(url).hostname or "") in ("127.0.0.1", "localhost", "::1"):
        yield "The API runs on this machine, so client and server share its CPU."
    if measured.other_jobs:
        yield f"The queue had {measured.other_jobs} other jobs, which also used the workers."
    if queue.get("max_concurrency") or queue.get("rate_limit"):
        yield f"Queue {plan.queue} has limits, which affect the figures."
