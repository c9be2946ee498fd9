"""A JobSpec from a handler's defaults and what an enqueuing handler overrides."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from service.domain.defaults import apply_defaults
from service.domain.job import JobSpec
from workers.invocation import Handler


def specify(handler: Handler | None, name: str, payload: bytes, overrides: Mapping[str, Any]) -> JobSpec:
    """`overrides` are fields of JobSpec; they win over the defaults of the job type."""
    spec = JobSpec(name=name, payload=payload)
    if handler is not None:
        spec = apply_defaults(spec, handler.defaults)
    return replace(spec, **overrides)
