"""Namespaces as a resource: quotas, a default retention, and redaction rules of one tenant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

#: The characters of a namespace's name.
NAMESPACE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
MAX_DESCRIPTION = 255
#: The most redaction rules of a namespace.
MAX_REDACTIONS = 50
#: A quota's largest value, exact in JSON and in Lua.
MOST = 1_000_000_000_000

Quota = Literal[
    "jobs", "stored_bytes", "queues", "limit_keys", "unique_keys", "schedules",
    "idempotency_bytes", "bulk_actions", "submissions_per_second", "requests_per_second", "waits", "streams",
]  # fmt: skip
QUOTAS: tuple[Quota, ...] = get_args(Quota)
#: Quotas that the scripts enforce, for submissions of clients and workers. API processes enforce the others.
OF_SCRIPTS: tuple[Quota, ...] = QUOTAS[:9]
#: The quotas of a namespace that is created without them.
DEFAULTS: Mapping[str, int | None] = {
    "jobs": 100_000,
    "stored_bytes": 268_435_456,
    "queues": 100,
    "limit_keys": 10_000,
    "unique_keys": 100_000,
    "schedules": 1_000,
    "idempotency_bytes": 536_870_912,
    "bulk_actions": 10_000,
    "submissions_per_second": 1_000,
    "requests_per_second": 500,
    "waits": 500,
    "streams": 100,
}


@dataclass(frozen=True, slots=True)
class Policy:
    """What requests of a namespace heed. A namespace without a record has the default: no limits."""

    #: None = no limit.
    quotas: Mapping[str, int | None] = field(default_factory=dict[str, int | None])
    #: Retention of jobs that neither a client nor a job type sets.
    retention_seconds: float | None = None
    #: JSON pointers that are redacted in payloads and results of all jobs.
    redact: tuple[str, ...] = ()

    def quota(self, name: Quota) -> int | None:
        return self.quotas.get(name)


#: Of a namespace without a record.
NO_POLICY = Policy()


@dataclass(frozen=True, slots=True)
class Tenant:
    """A namespace with a record. Times are unix ms."""

    name: str
    policy: Policy
    created_at: int
    version: int = 1
    description: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a namespace uses of its quotas that scripts enforce."""

    jobs: int = 0
    stored_bytes: int = 0
    queues: int = 0
    limit_keys: int = 0
    unique_keys: int = 0
    schedules: int = 0
    idempotency_bytes: int = 0
    bulk_actions: int = 0
