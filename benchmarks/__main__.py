"""`make bench`: measures the sides of each row in turn, round after round."""

import argparse
import asyncio
import subprocess
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from benchmarks.bench import Bench
from benchmarks.machine import machine
from benchmarks.processes import ROOT
from benchmarks.report import LATEST, tables
from benchmarks.report.numbers import number
from benchmarks.row import Figures, Row
from benchmarks.rows import ROWS
from benchmarks.summary import summarize

#: The results of a run of some rows; the repository has results of all rows.
PARTIAL = ROOT / ".cache/bench/partial.json"


async def measure(rows: list[Row], rounds: int, server: Path | None) -> dict[str, Any]:
    """The results, without the rows that failed in any round. `server`: its binary, or the embedded one."""
    began = time.monotonic()
    figures = {row.name: {side: list[Figures]() for side in row.sides} for row in rows}
    async with Bench(binary=server) as bench:
        about = await machine(bench)
        for round_number in range(1, rounds + 1):
            for row in [row for row in rows if row.name in figures]:
                if not await _measured(bench, row, figures[row.name], f"{round_number}/{rounds}"):
                    del figures[row.name]
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "rounds": rounds,
        "seconds": round(time.monotonic() - began),
        "machine": about,
        "rows": [summarize(row, figures[row.name]) for row in rows if row.name in figures],
    }


async def _measured(bench: Bench, row: Row, figures: dict[str, list[Figures]], label: str) -> bool:
    """Measure each side once; returns False if one failed."""
    for side, measure_side in row.sides.items():
        began = time.monotonic()
        try:
            each = await measure_side(bench)
        except Exception:
            print(f"{label} {row.name}: {side} failed", flush=True)
            traceback.print_exc()
            return False
        figures[side].append(each)
        seconds = time.monotonic() - began
        print(f"{label} {row.name}: {side} {number(each.figure)} {row.unit} ({seconds:.0f} s)", flush=True)
    return True


def selected(names: str) -> list[Row]:
    known = {row.name: row for row in ROWS}
    chosen = [name for name in names.split(",") if name]
    if unknown := [name for name in chosen if name not in known]:
        raise SystemExit(f"bench: no such row: {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in chosen] or list(ROWS)


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--rows", default="", help="comma-separated names (default: all)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--server", type=Path, help="its binary (default: the embedded Valkey)")
    parser.add_argument("--out", type=Path, help="where to write the results")
    given = parser.parse_args()
    rows = selected(given.rows)
    subprocess.run([ROOT / "benchmarks/peers/install.sh"], check=True)
    results = asyncio.run(measure(rows, given.rounds, given.server))
    out = given.out or (LATEST if len(results["rows"]) == len(ROWS) else PARTIAL)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    print("\n".join(["", *tables.goals(results), "", f"{results['seconds']} s; written to {out}"]))
    return 0 if len(results["rows"]) == len(rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
