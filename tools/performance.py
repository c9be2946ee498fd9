"""Generates the parts of docs/explanation/performance.md from the last run of the benchmark."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import orjson

from benchmarks.report import LATEST, plot, sizing, tables


def results() -> dict[str, Any]:
    return orjson.loads(LATEST.read_bytes())


def sections() -> Mapping[str, Callable[[], list[str]]]:
    writers = {
        "run": tables.machine,
        "measurements": tables.goals,
        "costs": tables.costs,
        "methods": tables.methods,
        "sizes": sizing.sizing,
    }
    return {name: partial(_lines, write) for name, write in writers.items()}


def picture() -> str:
    return plot.plot(results())


def _lines(write: Callable[[dict[str, Any]], list[str]]) -> list[str]:
    return write(results())
