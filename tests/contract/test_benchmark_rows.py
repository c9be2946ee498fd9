"""The benchmark's rows name peers and goals, its statistics are right, and its results fill their page."""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import orjson
import pytest

from benchmarks import rows
from benchmarks.report import LATEST, plot, sizing, tables
from benchmarks.row import Figures, Row, at_least, at_most, own_at_most
from benchmarks.rows import ROWS
from benchmarks.summary import percentile, rounded, summarize
from tests.contract.texts import ROOT

RESULTS: dict[str, Any] = orjson.loads(LATEST.read_bytes())


async def _unmeasured(bench: object) -> Figures:
    raise AssertionError


def _row(*goals: Any) -> Row:
    sides = {"Triage": _unmeasured, "peer": _unmeasured}
    return Row("drain", "drain", "jobs/s", "how", sides, goals)


def _figures(*values: float, **cpu_us: float) -> list[Figures]:
    return [Figures(value, cpu_us, {"ms p50": value / 2}) for value in values]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_names_its_peers_and_a_goal_for_each(row: Row) -> None:
    ours, *peers = row.sides
    assert row.ours == ours
    assert peers
    assert {goal.peer for goal in row.goals} == set(peers)
    assert row.title
    assert row.unit
    assert row.how


def test_every_row_that_is_declared_is_measured() -> None:
    modules = [import_module(f"benchmarks.rows.{module.name}") for module in iter_modules(rows.__path__)]
    declared = [row.name for module in modules for row in module.ROWS]
    assert len(declared) >= 18
    assert sorted(declared) == sorted({row.name for row in ROWS})


def test_a_ratio_is_the_median_of_the_ratios_inside_the_rounds() -> None:
    # The machine was slow in the second round, for both; the ratio of the medians is 1.
    rounds = {"Triage": _figures(300, 20, 90), "peer": _figures(100, 10, 90)}
    [goal] = summarize(_row(at_least(2.0, "peer")), rounds)["goals"]
    assert (goal["ratio"], goal["ratios"], goal["reached"]) == (2.0, [3.0, 2.0, 1.0], True)


def test_a_side_has_the_medians_of_all_that_was_measured() -> None:
    figures = [*_figures(3, worker=10), *_figures(1, worker=30), *_figures(2, worker=20)]
    side = summarize(_row(), {"Triage": figures})["sides"]["Triage"]
    expected = {"median": 2, "rounds": [3, 1, 2], "cpu_us": {"worker": 20}, "also": {"ms p50": 1}}
    assert side == expected


@pytest.mark.parametrize(
    ("goal", "reached"),
    [
        (at_least(0.5, "peer"), True),
        (at_least(0.6, "peer"), False),
        (at_most(0.5, "peer"), True),
        (at_most(0.4, "peer"), False),
        (own_at_most(5, "peer"), True),
        (own_at_most(4, "peer"), False),
    ],
)
def test_a_goal_is_reached_at_its_limit(goal: Any, reached: bool) -> None:
    [summary] = summarize(_row(goal), {"Triage": _figures(5), "peer": _figures(10)})["goals"]
    assert summary["reached"] is reached
    assert (plot.score(summary) >= 1) is reached


def test_percentiles_and_digits() -> None:
    values = [float(value) for value in range(101)]
    assert (percentile(values, 50), percentile(values, 99)) == (50, 99)
    assert (rounded(12345.6), rounded(0.0123456)) == (12350, 0.01235)


def test_the_last_run_fills_the_page() -> None:
    page = (ROOT / "docs/explanation/performance.md").read_text()
    for write in (tables.machine, tables.goals, tables.costs, tables.methods, sizing.sizing):
        assert "\n".join(write(RESULTS)) in page
    assert (ROOT / "docs/explanation/performance.svg").read_text() == plot.plot(RESULTS)


def test_sizes_follow_from_what_a_job_costs() -> None:
    def side(api: float = 0, worker: float = 0, redis: float = 0, **also: float) -> dict[str, Any]:
        return {"median": 1_000, "cpu_us": {"API": api, "worker": worker, "Redis": redis}, "also": also}

    sides = {
        "drain": side(worker=70, redis=50, **{"bytes kept": 1_000}),
        "http": side(api=350, redis=30),
        "bulk": side(api=35, redis=10),
        "memory": side(),
    }
    measured = [{"row": name, "sides": {"Triage": one}} for name, one in sides.items()]
    lines = sizing.sizing({"rows": measured})
    assert "| 10,000 | 1 | 5 | 1 | too much | 60 % | 36 GB |" in lines
    assert lines[-1] == "A backlog adds 1 GB per million queued jobs."
