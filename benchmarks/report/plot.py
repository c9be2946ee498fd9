"""Draws the ratio of each figure to its goal, on a logarithmic scale."""

import math
from html import escape
from typing import Any

from benchmarks.report.numbers import number

WIDTH, LEFT, RIGHT, TOP, LINE = 960, 380, 110, 40, 22
#: Longer bars are cut.
FACTOR = 8
REACHED, MISSED, INK, GRID = "#2f7d4f", "#b5432f", "#222", "#ccc"


def plot(results: dict[str, Any]) -> str:
    """An SVG whose bars go to the right if Triage reached the goal, and to the left if it missed it."""
    bars = [(row, goal) for row in results["rows"] for goal in row["goals"]]
    height = TOP + LINE * len(bars) + LINE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        *[_grid(factor, height) for factor in (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)],
        *[part for place, (row, goal) in enumerate(bars) for part in _bar(row, goal, TOP + LINE * place)],
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def score(goal: dict[str, Any]) -> float:
    """1 at the goal, 2 if Triage surpasses it by a factor of two."""
    value, limit = goal["value"], goal["goal"]["limit"]
    if goal["goal"]["at_least"]:
        return value / limit
    return limit / value if value else math.inf


def _bar(row: dict[str, Any], goal: dict[str, Any], y: int) -> list[str]:
    begin, end = sorted((_x(1), _x(score(goal))))
    sign = "≥" if goal["goal"]["at_least"] else "≤"
    compared = f"against {goal['peer']}" if goal["goal"]["of"] == "ratio" else row["unit"]
    label = f"{row['title']}, {compared}".replace("`", "")
    return [
        f'<text x="{LEFT - 10}" y="{y + 15}" text-anchor="end" fill="{INK}">{escape(label)}</text>',
        f'<rect x="{begin:.1f}" y="{y + 4}" width="{max(end - begin, 1):.1f}" height="{LINE - 8}" '
        f'fill="{REACHED if goal["reached"] else MISSED}"/>',
        f'<text x="{WIDTH - RIGHT + 10}" y="{y + 15}" fill="{INK}">'
        f"{number(goal['value'])} ({sign} {number(goal['goal']['limit'])})</text>",
    ]


def _grid(factor: float, height: int) -> str:
    x = _x(factor)
    label = "goal" if factor == 1 else f"{factor:g} x" if factor > 1 else f"1/{1 / factor:g}"
    return (
        f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{height - LINE}" '
        f'stroke="{INK if factor == 1 else GRID}"/>'
        f'<text x="{x:.1f}" y="{TOP - 14}" text-anchor="middle" fill="{INK}">{label}</text>'
    )


def _x(factor: float) -> float:
    share = math.log(min(max(factor, 1 / FACTOR), FACTOR)) / math.log(FACTOR)
    return LEFT + (WIDTH - LEFT - RIGHT) * (1 + share) / 2
