"""Writes the results as Markdown, in lines of up to 120 columns."""

from textwrap import wrap
from typing import Any

from benchmarks.report.numbers import number

PROCESSES = ("worker", "API", "Redis")


def goals(results: dict[str, Any]) -> list[str]:
    """The ratio to each peer, and the goal."""
    lines = ["| | Triage | peer | ratio | goal | |", "|---|---|---|---|---|---|"]
    for row in results["rows"]:
        ours = next(iter(row["sides"].values()))["median"]
        for place, goal in enumerate(row["goals"]):
            theirs = row["sides"][goal["peer"]]["median"]
            cells = [
                f"{row['title']}, {row['unit']}" if place == 0 else "",
                number(ours) if place == 0 else "",
                f"{goal['peer']}: {number(theirs)}",
                _ratio(goal),
                _goal(goal["goal"]),
                "reached" if goal["reached"] else "missed",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def costs(results: dict[str, Any]) -> list[str]:
    """CPU time per job and process, and other figures."""
    lines = ["| CPU in us per job | | worker | API | Redis | also |", "|---|---|---|---|---|---|"]
    for row in results["rows"]:
        title = row["title"]
        for name, side in row["sides"].items():
            cpu, also = side["cpu_us"], side["also"]
            if cpu or also:
                spent = [number(cpu[process]) if process in cpu else "" for process in PROCESSES]
                others = ", ".join(f"{number(figure)} {of}" for of, figure in also.items())
                lines.append(f"| {' | '.join([title, name, *spent, others])} |")
                title = ""
    return lines


def methods(results: dict[str, Any]) -> list[str]:
    """A description of each row."""
    return [line for row in results["rows"] for line in _wrapped(f"* **{row['title']}**: {row['how']}.")]


def machine(results: dict[str, Any]) -> list[str]:
    """The machine, the load and the versions of the run."""
    about = results["machine"]
    versions, peers = [
        ", ".join(f"{name} {version}" for name, version in about[group].items())
        for group in ("versions", "peers")
    ]
    load = ", ".join(str(load) for load in about["load"])
    changed = " with changes" if about["changed"] else ""
    rounds = f"Medians of {results['rounds']} rounds" if results["rounds"] > 1 else "One round"
    busy = about["load"][0] > about["cores"] / 2
    warning = " Other work kept the machine busy: compare only ratios and CPU time." if busy else ""
    return _wrapped(
        f"{rounds}, {results['at'][:10]}, commit {about['commit']}{changed}:"
        f" {about['cores']} cores ({about['processor']}), {about['memory_gib']} GiB, Linux {about['kernel']}."
        f" Load at the start: {load}. Requests came from {about['load_from']}."
        f" Triage: {versions}. Peers: {peers}.{warning}"
    )


def _ratio(goal: dict[str, Any]) -> str:
    lowest, highest = number(min(goal["ratios"])), number(max(goal["ratios"]))
    spread = f" ({lowest} to {highest})" if len(goal["ratios"]) > 1 else ""
    return number(goal["ratio"]) + spread


def _goal(goal: dict[str, Any]) -> str:
    sign = "≥" if goal["at_least"] else "≤"
    return f"{sign} {number(goal['limit'])}{'' if goal['of'] == 'ratio' else ' itself'}"


def _wrapped(text: str) -> list[str]:
    return wrap(text, 120, subsequent_indent="  " if text.startswith("* ") else "", break_long_words=False)
