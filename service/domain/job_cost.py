"""Estimates what storing a job costs Redis: one call stores fewer of the expensive ones (ADR 0053)."""

from collections.abc import Iterable, Iterator

from service.domain.job_spec import JobSpec

#: The most jobs per script call: a script blocks all other calls.
BATCH = 500
#: Bytes of payloads per script call, unless a single one is larger. A megabyte takes Redis some 9 ms.
BATCH_BYTES = 1_048_576
#: Microseconds per script call.
OF_A_CALL = 12_500
#: Microseconds of a job, and of what it has in addition.
_JOB, _TAG, _LIMIT_KEY, _TIME_LIMITS, _CALLBACK, _UNIQUE = 25, 8, 40, 15, 5, 20
#: The same for its payload: so many microseconds for so many bytes.
_BYTES, _OF_BYTES = 1_024, 9
#: A job that replaces another one may end it, which can be a delivery to each of the namespace's webhooks.
_REPLACES = 1_000
#: The record of a request that may be repeated; what ties a child to its parent, and to a sibling.
IDEMPOTENCY, CHILD, SIBLING = 100, 100, 15
#: A job in another queue, or of another type, than the one before.
_ELSEWHERE = 50


def _cost_of(spec: JobSpec, before: JobSpec | None) -> int:
    """Microseconds; `before` is the job that the same call stores before this one."""
    cost = _JOB + _TAG * len(spec.tags) + len(spec.payload) // _BYTES * _OF_BYTES
    if spec.limit_key is not None:
        cost += _LIMIT_KEY
    if spec.expires_ms is not None or spec.deadline_ms is not None:
        cost += _TIME_LIMITS
    if spec.callback is not None:
        cost += _CALLBACK
    if spec.unique is not None:
        cost += _REPLACES if spec.unique.on_conflict == "replace" else _UNIQUE
    if before is not None and (spec.queue, spec.name) != (before.queue, before.name):
        cost += _ELSEWHERE
    return cost


def portions(specs: Iterable[tuple[JobSpec, int]]) -> Iterator[int]:
    """How many of these jobs, in order, each script call stores; with what each costs in addition."""
    count = size = cost = 0
    before = None
    for spec, addition in specs:
        more = _cost_of(spec, before) + addition
        if count and (count == BATCH or cost + more > OF_A_CALL or size + len(spec.payload) > BATCH_BYTES):
            yield count
            count = size = cost = 0
        count, size, cost, before = count + 1, size + len(spec.payload), cost + more, spec
    if count:
        yield count
