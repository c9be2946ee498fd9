"""Medians of the rounds, and of the ratios within each round, where the machine treats both sides alike."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.row import Figures, Goal, Row

DIGITS = 4


def summarize(row: Row, rounds: Mapping[str, Sequence[Figures]]) -> dict[str, Any]:
    """One row of the results."""
    return {
        "row": row.name,
        "title": row.title,
        "unit": row.unit,
        "how": row.how,
        "sides": {name: _side(figures) for name, figures in rounds.items()},
        "goals": [_goal(goal, rounds[row.ours], rounds[goal.peer]) for goal in row.goals],
    }


def _side(rounds: Sequence[Figures]) -> dict[str, Any]:
    return {
        "median": rounded(statistics.median(round.figure for round in rounds)),
        "rounds": [rounded(round.figure) for round in rounds],
        "cpu_us": _medians(round.cpu_us for round in rounds),
        "also": _medians(round.also for round in rounds),
    }


def _goal(goal: Goal, ours: Sequence[Figures], theirs: Sequence[Figures]) -> dict[str, Any]:
    ratios = [mine.figure / other.figure for mine, other in zip(ours, theirs, strict=True)]
    ratio = statistics.median(ratios)
    value = ratio if goal.ratio else statistics.median(round.figure for round in ours)
    return {
        "peer": goal.peer,
        "ratio": rounded(ratio),
        "ratios": [rounded(each) for each in ratios],
        "value": rounded(value),
        "goal": {"of": "ratio" if goal.ratio else "figure", "at_least": goal.at_least, "limit": goal.limit},
        "reached": goal.reached(value),
    }


def _medians(rounds: Iterable[Mapping[str, float]]) -> dict[str, float]:
    listed = list(rounds)
    return {name: rounded(statistics.median(round[name] for round in listed)) for name in listed[0]}


def percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def rounded(value: float) -> float:
    """To four significant digits; the others are noise."""
    return float(f"{value:.{DIGITS}g}")
