"""Suggests a known name for a misspelt one, for error messages."""

import difflib
from collections.abc import Iterable
from itertools import islice

#: Longer words are not compared, since a client may send any text.
LONGEST = 64
_MOST_KNOWN = 500
_CLOSE = 0.6


def similar(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The `known` names that are spelt like `word`, the closest first."""
    if not word or len(word) > LONGEST:
        return []
    shapes: dict[str, str] = {}
    for name in islice(sorted(known), _MOST_KNOWN):
        shapes.setdefault(_shape(name), name)
    found = [shapes[shape] for shape in difflib.get_close_matches(_shape(word), shapes, most, _CLOSE)]
    # `attempts` for `max_attempts`: the part of a name that people remember.
    part = _shape(word)
    found += [name for shape, name in shapes.items() if len(part) > 3 and part in shape and name not in found]
    return found[:most]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence, such as `; did you mean 'queue'?`; empty if no name is close."""
    found = similar(word, known, 1)
    return f"; did you mean {found[0]!r}?" if found else ""


def _shape(name: str) -> str:
    return name.lower().replace("_", "-")
