"""Bodies of requests from the arguments of the client. What the caller does not give is not sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, Unpack, cast

from triage_client._core.requests import new_key
from triage_client.types import EdgeIn, FanOutOptions, JobOptions, JobSpecIn, NodeIn

#: What a submission waits for: the master of Redis, or also a replica.
Durability: TypeAlias = Literal["stored", "replicated"]

#: The longest time that the API waits before it responds, in seconds.
LONGEST_WAIT = 30.0


@dataclass(frozen=True)
class JobSpec:
    """A job to submit, for `flow`, `submit_many`, `then` and schedules; made by `job_spec`."""

    body: JobSpecIn
    depends_on: Sequence[str | EdgeIn] = field(default=())


#: A job where one is expected: its type's name alone, `job_spec(...)`, or a dictionary as the API takes it.
AnyJob = str | JobSpec | JobSpecIn


def job_spec(
    name: str,
    payload: Mapping[str, Any] | None = None,
    *,
    depends_on: str | EdgeIn | Sequence[str | EdgeIn] = (),
    **options: Unpack[JobOptions],
) -> JobSpec:
    """A job to submit later. `depends_on` names jobs of its flow: "key" or {"key": ..., "when": ...}."""
    edges = [depends_on] if isinstance(depends_on, str | Mapping) else list(depends_on)
    return JobSpec(spec_body(name, payload, options), edges)


def spec_body(name: str, payload: Mapping[str, Any] | None, options: JobOptions) -> JobSpecIn:
    body: dict[str, Any] = {"name": name, **({} if payload is None else {"payload": payload}), **options}
    return cast("JobSpecIn", body)


def job_body(job: AnyJob) -> JobSpecIn:
    """The JobSpec of a job outside of a flow."""
    match job:
        case str():
            return {"name": job}
        case JobSpec():
            if job.depends_on:
                raise ValueError(f"{job.body['name']} has depends_on, which only jobs of a flow can have")
            return job.body
        case _:
            return job


def node_body(job: AnyJob | NodeIn) -> NodeIn:
    """A job of a flow."""
    match job:
        case JobSpec(depends_on=depends_on) if depends_on:
            return {"job": job.body, "depends_on": list(depends_on)}
        case {"job": _}:
            return job
        case _:
            return {"job": job_body(cast("AnyJob", job))}


def given(**members: Any) -> dict[str, Any]:
    """The members that have a value."""
    return {name: value for name, value in members.items() if value is not None}


def filter_body(filters: Mapping[str, Any]) -> dict[str, Any]:
    """A filter in a body, where tags are a list."""
    tag = filters.get("tag")
    return {**filters, **({"tag": [tag]} if isinstance(tag, str) else {})}


def fan_out_body(
    name: str, payload: Mapping[str, Any] | None, then: AnyJob | None, options: dict[str, Any]
) -> dict[str, Any]:
    """A fan-out without its items."""
    own = {key: options.pop(key) for key in FanOutOptions.__annotations__ if key in options}
    template = spec_body(name, payload, cast("JobOptions", options))
    return {"template": template, **own, **({} if then is None else {"then": job_body(then)})}


def submission_headers(
    key: str | None, durability: Durability | None, wait: float | None = None
) -> tuple[dict[str, str], float]:
    """The headers of a submission, and for how many seconds the API waits before it responds."""
    headers = {"Idempotency-Key": key or new_key(), **durable(durability)}
    if not wait:
        return headers, 0
    seconds = min(wait, LONGEST_WAIT)
    return headers | {"Prefer": f"wait={seconds:.3f}"}, seconds


def durable(durability: Durability | None) -> dict[str, str]:
    return {} if durability is None else {"Durability": durability}


def listed(words: str | Sequence[str]) -> list[str]:
    """One word needs no list."""
    return [words] if isinstance(words, str) else list(words)
