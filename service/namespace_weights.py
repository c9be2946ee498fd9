"""Parses the namespaces of a worker and their weights."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from service.domain.tenant import NAMESPACE_PATTERN
from service.queue_weights import split_weights

#: A name in which `*` stands for any characters.
_PATTERN = re.compile(r"[A-Za-z0-9*][A-Za-z0-9._*-]{0,63}")


@dataclass(frozen=True, slots=True)
class NamespaceWeights:
    """Names and patterns with their weights. Names go first, then patterns in their order."""

    names: Mapping[str, int] = field(default_factory=dict[str, int])
    patterns: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def several(self) -> bool:
        """Whether these may be several namespaces."""
        return bool(self.patterns) or len(self.names) > 1

    def among(self, existing: Iterable[str]) -> dict[str, int]:
        """The weights of the namespaces to serve, if these exist. Names count whether or not they do."""
        found = dict(self.names)
        for name in existing:
            weights = (weight for pattern, weight in self.patterns.items() if _matches(pattern, name))
            if name not in found and (weight := next(weights, None)) is not None:
                found[name] = weight
        return found


def parse_namespaces(text: str) -> NamespaceWeights:
    """Parse `shop=3,team-*=1`; a name alone has weight 1. Raises ValueError."""
    weights = split_weights(text)
    for name in weights:
        pattern = _PATTERN if "*" in name else re.compile(NAMESPACE_PATTERN)
        if pattern.fullmatch(name) is None:
            raise ValueError(
                f"{name!r} is not a namespace: use up to 64 letters, digits and . _ -, and * in patterns"
            )
    return NamespaceWeights(
        {name: weight for name, weight in weights.items() if "*" not in name},
        {name: weight for name, weight in weights.items() if "*" in name},
    )


def _matches(pattern: str, name: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is not None
