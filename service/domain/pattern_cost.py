"""Estimates what a regular expression costs, from its text: an upper bound of its states."""

import re

#: Longer patterns count as too expensive, so that estimating takes little time.
MAX_LENGTH = 2_000
#: States of a class such as \\w, which has many ranges in Unicode, and of any other atom.
_CLASS, _ATOM = 50, 4
TOO_MANY = 1_000_000_000
_COUNT = re.compile(r"\{(\d{1,9})(?:,(\d{0,9}))?\}")


def states(pattern: str) -> int:
    """About the number of states of the compiled pattern: repetitions multiply, also when nested."""
    if len(pattern) > MAX_LENGTH:
        return TOO_MANY
    # Per open group: the states before the last atom, and the states of the last atom.
    levels, at = [[1, 0]], 0
    while at < len(pattern):
        level, char = levels[-1], pattern[at]
        if char == "(":
            levels.append([1, 0])
        elif char == ")" and len(levels) > 1:
            inner = sum(levels.pop())
            _add(levels[-1], inner)
        elif char == "{" and (found := _COUNT.match(pattern, at)):
            most = int(found[2] or found[1])
            level[1] = min(level[1] * max(most, int(found[1]), 1), TOO_MANY)
            at = found.end()
            continue
        elif char == "[":
            end = _end_of_class(pattern, at)
            _add(level, _CLASS if "\\" in pattern[at:end] else _ATOM)
            at = end
            continue
        elif char == "\\":
            _add(level, _CLASS if pattern[at + 1 : at + 2].isalpha() else 1)
            at += 1
        elif char in "*+?":
            level[1] += 1
        else:
            _add(level, _ATOM if char == "." else 1)
        at += 1
    return min(sum(sum(level) for level in levels), TOO_MANY)


def _add(level: list[int], atom: int) -> None:
    level[0] += level[1]
    level[1] = atom


def _end_of_class(pattern: str, at: int) -> int:
    """The index behind the class that begins at `at`."""
    at += 1
    if pattern[at : at + 1] == "^":
        at += 1
    first = at
    while at < len(pattern) and (pattern[at] != "]" or at == first):
        at += 2 if pattern[at] == "\\" else 1
    return at + 1
