"""Job types as workers publish them: the schema of the payload, and default options."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class JobType:
    """A job type; `defaults` are JobSpec fields in JSON form, which a client can override."""

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
