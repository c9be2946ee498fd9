"""Job types as their workers publish them: what a payload must look like, and the defaults of a type."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class JobType:
    """One job type; `defaults` are fields of JobSpec in their JSON form and lie under what a client sends."""

    name: str
    payload_schema: Mapping[str, Any] | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    executor: str = "async"
    concurrency: int | None = None
    redact: tuple[str, ...] = ()
    description: str = ""


def canonical_name(name: str) -> str:
    """`process_order` and `process-order` are one type."""
    return name.replace("_", "-")
