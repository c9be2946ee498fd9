"""Commands on flows and fan-outs, against a real API."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from service.store.namespace import Namespace
from tests.api.fan_outs import run as run_items
from tests.commands.conftest import Triage
from tests.support.eventually import eventually
from tests.support.factories import HOPELESS, OK, claim, finish

FLOW = {
    "name": "invoice",
    "jobs": {"a": {"job": {"name": "work"}}, "b": {"job": {"name": "work"}, "depends_on": ["a"]}},
}


def parsed(text: str) -> list[Any]:
    return [orjson.loads(line) for line in text.splitlines()]


async def run_next(store: Namespace, outcome: Any = OK) -> None:
    lease = (await claim(store)).leases[0]
    await finish(store, lease, outcome)


async def test_a_flow_from_its_submission_to_its_end(
    triage: Triage, store: Namespace, tmp_path: Path
) -> None:
    file = tmp_path / "flow.json"
    file.write_bytes(orjson.dumps(FLOW))
    flow = orjson.loads((await triage("flow", str(file), "--no-follow", "--json")).out)
    id = flow["id"]
    assert (await triage("flows", "list")).out.splitlines()[1].split()[:4] == [
        id,
        "invoice",
        "running",
        "0/2",
    ]
    assert [row["id"] for row in orjson.loads((await triage("flows", "list", "--json")).out)] == [id]
    shown = (await triage("flows", "get", id)).out
    assert shown.startswith(f"{id}  invoice  running\n")
    assert f"job          {flow['jobs']['b']}  b\n" in shown
    listed = orjson.loads((await triage("flows", "jobs", id, "--state", "blocked", "--json")).out)
    assert [row["flow_key"] for row in listed] == ["b"]
    following = asyncio.create_task(triage("tail", id))
    await run_next(store)
    await run_next(store, HOPELESS)
    ended = await following
    assert (ended.code, ended.out.splitlines()[-1]) == (3, "failed 2 total, 1 succeeded, 1 dead")
    assert (await triage("flows", "get", id, "--follow")).code == 1
    rows = {row["key"]: row for row in parsed((await triage("flows", "results", id)).out)}
    assert (rows["a"]["result"], rows["b"]["state"], rows["b"]["error"]["message"]) == (
        {"ok": True}, "dead", "hopeless",
    )  # fmt: skip
    retrying = asyncio.create_task(triage("flows", "retry", id, "--follow"))

    async def queued() -> None:
        assert (await claim(store, slots=0)).leases == []
        assert await store.queries.job(flow["jobs"]["b"]) is not None
        await run_next(store)

    await eventually(_unless_idle(queued))
    ended = await retrying
    assert (ended.code, ended.out) == (0, f"{id}  invoice  succeeded: 2 total, 2 succeeded\n")
    graph = await triage("graph", id)
    assert graph.out.startswith("flowchart TD\n")
    assert (await triage("flows", "graph", id)).out == graph.out
    assert len(orjson.loads((await triage("graph", id, "--json")).out)["edges"]) == 1
    assert (await triage("flows", "delete", id)).out == f"Deleted {id}.\n"
    assert (await triage("flows", "get", id)).code == 1


def _unless_idle(check: Any) -> Any:
    async def checked() -> None:
        try:
            await check()
        except IndexError as error:
            raise AssertionError("nothing to claim yet") from error

    return checked


async def test_a_fan_out_from_a_file(triage: Triage, store: Namespace, tmp_path: Path) -> None:
    file = tmp_path / "items"
    file.write_text('{"n": 0}\n\n{"payload": {"n": 1}, "key": "one"}\n{"n": 2}\n')
    following = asyncio.create_task(
        triage(
            "fan-out",
            "work",
            "--items",
            str(file),
            "--queue",
            "bulk",
            "--max-concurrency",
            "2",
            "--chunk",
            "1",
        )
    )

    async def complete() -> None:
        await run_items(store)
        assert following.done()

    await eventually(complete)
    ended = await following
    assert ended.code == 0, ended.err
    id, name, *counts = ended.out.split()
    assert (name, counts) == ("work", ["succeeded:", "3", "total,", "3", "succeeded"])
    rows = parsed((await triage("fan-outs", "results", id, "--from-index", "1")).out)
    assert [(row["index"], row["key"], row["result"]) for row in rows] == [
        (1, "one", {"ok": True}), (2, None, {"ok": True}),
    ]  # fmt: skip
    assert (await triage("fan-outs", "results", id, "--state", "dead")).out == ""
    assert "limit        2 items at a time\n" in (await triage("fan-outs", "get", id)).out
    jobs = orjson.loads((await triage("fan-outs", "jobs", id, "--limit", "2", "--json")).out)
    assert [job["queue"] for job in jobs] == ["bulk", "bulk"]
    refused = await triage("fan-outs", "retry", id)
    assert (refused.code, "409" in refused.err) == (1, True)
    assert (await triage("fan-outs", "list")).out.splitlines()[1].split()[:4] == [
        id,
        "work",
        "succeeded",
        "3/3",
    ]


async def test_a_fan_out_that_is_cancelled(triage: Triage, tmp_path: Path) -> None:
    file = tmp_path / "items"
    file.write_text('{"n": 0}\n')
    ended = await triage("fan-out", "work", "--items", str(file), "--no-follow", "--json")
    id = orjson.loads(ended.out)["id"]
    assert "cancelled" in (await triage("fan-outs", "cancel", id)).out
    assert (await triage("tail", id)).code == 4
    assert (await triage("fan-outs", "delete", id, "--json")).code == 0


@pytest.mark.parametrize(
    ("items", "code", "said"),
    [
        ('{"n": 0}\n{\n', 2, "line 2 is not JSON"),
        ('{"n": 0}\n[1]\n', 2, "line 2 is not a JSON object"),
        ('{"payload": {}, "priority": -1}\n', 1, "  item 0/priority: "),
        ('{"n": 0}\n' * 3 + '{"payload": {}, "priority": -1}\n', 1, "  item 3/priority: "),
    ],
)
async def test_invalid_items_are_named(
    triage: Triage, store: Namespace, tmp_path: Path, items: str, code: int, said: str
) -> None:
    file = tmp_path / "items"
    file.write_text(items)
    ended = await triage("fan-out", "work", "--items", str(file), "--chunk", "1", COLUMNS="300")
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
    listed = orjson.loads((await triage("fan-outs", "list", "--json")).out)
    assert {row["state"] for row in listed} <= {"cancelled"}
