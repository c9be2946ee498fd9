"""API keys: what they permit, and what the holder of one may grant to another."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal, get_args

Scope = Literal[
    "jobs:read", "jobs:write", "queues:read", "queues:admin", "dlq:read", "dlq:write", "schedules:read",
    "schedules:write", "webhooks:read", "webhooks:write", "workers:read", "workers:admin", "keys:admin",
    "metrics:read", "payload:read", "namespaces:admin",
]  # fmt: skip
#: All scopes.
SCOPES: tuple[Scope, ...] = get_args(Scope)
#: The most characters of a key's name.
MAX_NAME = 255
#: The most keys of a namespace.
MAX_KEYS = 1_000
#: The most queues, and job types, that a key can be restricted to.
MAX_RESTRICTIONS = 100
#: How long the previous secret of a rotated key can stay valid, in seconds.
MAX_OVERLAP = 2_592_000


@dataclass(frozen=True, slots=True)
class Reach:
    """The queues and job types that a key is restricted to; None permits all."""

    queues: frozenset[str] | None = None
    names: frozenset[str] | None = None

    @classmethod
    def of(cls, queues: Collection[str] | None, names: Collection[str] | None) -> "Reach | None":
        """None without restrictions."""
        if queues is None and names is None:
            return None
        return cls(None if queues is None else frozenset(queues), None if names is None else frozenset(names))

    def has_queue(self, queue: str) -> bool:
        return self.queues is None or queue in self.queues

    def has_name(self, name: str) -> bool:
        return self.names is None or name in self.names

    def has(self, queue: str, name: str) -> bool:
        return self.has_queue(queue) and self.has_name(name)

    def covers(self, other: "Reach | None") -> bool:
        """Whether `other` permits nothing that this does not."""
        if other is None:
            return False
        return _covers(self.queues, other.queues) and _covers(self.names, other.names)


def _covers(these: frozenset[str] | None, those: frozenset[str] | None) -> bool:
    return these is None or (those is not None and those <= these)


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An API key: what it permits in which namespace. Times are unix ms."""

    id: str
    name: str
    namespace: str
    scopes: frozenset[str]
    created_at: int
    reach: Reach | None = None
    expires_at: int | None = None
    #: The id of the key, or the subject of the token, that created it; None for the command line.
    created_by: str | None = None
    version: int = 1
    rotated_at: int | None = None
    #: How long the secret before the last rotation is valid.
    previous_until: int | None = None
    #: To within a minute. Not part of the stored record.
    last_used_at: int | None = field(default=None, compare=False)
