"""Shell completion, as a shell asks for it."""

import asyncio
import os

import pytest

from service.store.namespace import Namespace
from tests.api.running import Running
from tests.commands.conftest import run
from tests.support.factories import submit
from tests.support.worker_records import WORKER


def completed(url: str, words: str) -> list[str]:
    """What bash gets for these words; the last one is incomplete."""
    variables = {
        "TRIAGE_URL": url,
        "_TRIAGE_COMPLETE": "complete_bash",
        "COMP_WORDS": f"triage {words}",
        "COMP_CWORD": str(len(words.split(" "))),
    }
    ended = run((), variables)
    assert ended.err == ""
    return ended.out.split()


async def test_names_come_from_the_api(running: Running, store: Namespace) -> None:
    for queue in ("bulk", "bills", "default"):
        await submit(store, queue=queue)
    url = f"http://127.0.0.1:{running.port}"
    async with running.client() as http:
        await http.put("/v1/schedules/nightly", json={"every_seconds": 60, "job": {"name": "work"}})
    for words, expected in (
        ("queues pause b", ["bills", "bulk"]),
        ("list --queue d", ["default"]),
        ("submit wo", ["work"]),
        ("schedules run-now ", ["nightly"]),
        ("workers drain wk", [WORKER]),
    ):
        assert await asyncio.to_thread(completed, url, words) == expected, words


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("que", ["queues"]),
        ("queues pu", ["purge"]),
        ("list --state s", ["scheduled", "succeeded"]),
        ("list --sin", ["--since"]),
        # The API does not respond, so there are no names.
        ("queues pause b", []),
    ],
)
def test_words_need_no_api(words: str, expected: list[str]) -> None:
    assert "_TRIAGE_COMPLETE" not in os.environ
    assert completed("http://127.0.0.1:1", words) == expected
