"""API keys."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An API key: what it permits in which namespace. `created_at` is unix ms."""

    id: str
    name: str
    namespace: str
    scopes: frozenset[str]
    created_at: int
