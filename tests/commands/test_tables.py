"""Tables on terminals of any width, and in pipes: an id is never cut."""

import re
from pathlib import Path

import orjson
import pytest
from rich.console import Console

from service.commands.tables import print_fitted, table_of
from service.domain.outcome import Failed, Failure
from service.store.namespace import Namespace
from tests.api.running import Running
from tests.commands.conftest import LONG, Triage
from tests.support.factories import claim, finish, submit

ID = "job_01M8GAG74ZBHD7VNZ3MVGAAV40"


async def test_a_table_in_a_pipe_has_whole_rows(triage: Triage, store: Namespace, running: Running) -> None:
    queue, id = "a-queue-with-a-name-" + "x" * 100, await submit(store, name=LONG)
    async with running.client() as http:
        await http.put("/v1/schedules/" + "s" * 64, json={"every_seconds": 60, "job": {"name": LONG}})
        await http.post(f"/v1/queues/{queue}/pause")
    lease = (await claim(store, types={LONG: None})).leases[0]
    await finish(store, lease, Failed(Failure("ValueError", "no\tway"), retryable=False))
    for command, wanted in (
        (("queues",), [queue, "paused"]),
        (("dlq", "list"), [id, LONG, "ValueError: no way"]),
        (("schedules",), ["s" * 64, LONG, "every 60 s"]),
    ):
        out = (await triage(*command, COLUMNS="40")).out
        assert not {"…", "\t", "│", "\x1b"} & set(out)
        row = next(line for line in out.splitlines() if wanted[0] in line)
        assert [text for text in wanted if text not in row] == []


async def test_a_terminal_shows_colors_and_relative_times_unless_told_not_to(
    triage: Triage, store: Namespace
) -> None:
    id = await submit(store)
    assert id in (await triage("list", typed="", COLUMNS="200", TERM="xterm-256color")).out
    colored = (await triage("list", typed="", COLUMNS="200", TERM="xterm-256color")).out
    plain = (await triage("list", typed="", COLUMNS="200", TERM="xterm-256color", NO_COLOR="1")).out
    assert "\x1b[" in colored
    assert "\x1b[3" not in plain
    exact_time = re.compile(r"\d\d:\d\d:\d\dZ")
    assert not exact_time.search(plain)
    assert exact_time.search((await triage("list")).out)
    assert "Nothing to show." in (await triage("flows", "list", typed="")).out


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200])
def test_a_narrow_terminal_leaves_columns_out_and_cuts_no_id(width: int, tmp_path: Path) -> None:
    table = table_of("id", "name", "state", "attempt", "queue", right=("attempt",), keep=("state",))
    table.add_row(ID, "n" * 100, "succeeded", "1/3", "default")
    with (tmp_path / "out").open("w") as file:
        print_fitted(table, Console(file=file, width=width, force_terminal=True, no_color=True))
    out = (tmp_path / "out").read_text()
    assert ID in out
    assert "…" not in out
    shown = [title for title in ("NAME", "STATE", "ATTEMPT", "QUEUE") if title in out]
    assert "STATE" in shown or width < 40
    assert shown == ["NAME", "STATE", "ATTEMPT", "QUEUE"] if width >= 80 else len(shown) < 4
    assert ("No room for: " in out) == (len(shown) < 4)
    if "NAME" in shown:
        assert sum(line.count("n") for line in out.split("No room")[0].splitlines()) >= 100


async def test_lists_are_arrays_with_a_row_per_line(triage: Triage, store: Namespace) -> None:
    ids = [await submit(store) for _ in range(3)]
    out = (await triage("list", "--json")).out
    assert len(out.splitlines()) == 3
    assert [row["id"] for row in orjson.loads(out)] == ids[::-1]
    assert (await triage("schedules", "--json")).out == "[]\n"
