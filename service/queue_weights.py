"""Parses the queues of a worker and their weights."""

import re

from service.domain.job_spec import NAME


def parse_weights(text: str) -> dict[str, int]:
    """Parse `critical=6,default=3,*=1`; a name alone has weight 1. Raises ValueError."""
    weights = split_weights(text)
    for name in weights:
        if name != "*" and re.fullmatch(NAME.pattern, name) is None:
            raise ValueError(f"{name!r} is not a queue name: use {NAME.rule}")
    if not weights:
        raise ValueError("must name at least one queue")
    return weights


def split_weights(text: str) -> dict[str, int]:
    """Weights by name, of any names; raises ValueError."""
    weights: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, weight = part.partition("=")
        if not weight:
            weight = "1"
        if not weight.isdecimal() or not 1 <= int(weight) <= 1000:
            raise ValueError(f"{part!r} must be name=weight with a weight from 1 to 1000")
        weights[name] = int(weight)
    return weights
