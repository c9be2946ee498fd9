"""Log lines: all carry ids, none carries an exception's message, and repeated events are limited."""

import asyncio
import json
import logging
import subprocess
import sys

import pytest
import structlog

from service.telemetry import logs
from service.telemetry.logs import LINES_PER_SECOND, Sampler, add_ids, guard_libraries, without_message
from tests.support.manual_clock import ManualClock


def _raised(text: str) -> ValueError:
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


async def test_a_line_carries_the_ids_of_the_task_that_writes_it() -> None:
    async def work(id: str) -> logs.Line:
        logs.IDS.set({"job_id": id, "trace_id": "t"})
        await asyncio.wait({asyncio.ensure_future(asyncio.Event().wait())}, timeout=0.01)
        return add_ids(None, "info", {"event": "e"})

    lines = await asyncio.gather(work("job_1"), work("job_2"))

    assert [line["job_id"] for line in lines] == ["job_1", "job_2"]
    assert add_ids(None, "info", {"event": "e"}) == {"event": "e"}


def test_fields_of_a_line_win_over_those_of_its_task() -> None:
    token = logs.IDS.set({"job_id": "outer"})
    assert add_ids(None, "info", {"event": "e", "job_id": "inner"})["job_id"] == "inner"
    logs.IDS.reset(token)


def test_an_exception_is_its_type_and_its_frames() -> None:
    line = without_message(None, "error", {"event": "e", "exc_info": _raised("secret")})

    assert line["error_type"] == "ValueError"
    assert "_raised" in line["frames"][-1]
    assert "secret" not in str(line)


@pytest.mark.parametrize("name", ["asyncio", "uvicorn.error"])
def test_library_messages_about_a_failed_task_are_cut_to_the_first_line(name: str) -> None:
    error = _raised("secret")
    given = {
        "event": "Task exception was never retrieved\nfuture: <Task exception=ValueError('secret')>",
        "logger": name,
        "exc_info": (type(error), error, error.__traceback__),
    }

    line = guard_libraries(None, "error", given)

    assert line["event"] == "Task exception was never retrieved"
    assert line["error_type"] == "ValueError"
    assert "secret" not in str(line)


def test_log_lines_of_handlers_are_left_alone() -> None:
    line = {"event": "two\nlines", "logger": "my.handlers"}
    assert guard_libraries(None, "info", dict(line)) == line


def test_an_event_that_happens_too_often_is_counted_instead() -> None:
    clock = ManualClock()
    sample = Sampler(clock.monotonic)

    def write(event: str) -> logs.Line | None:
        try:
            return sample(None, "warning", {"event": event})
        except structlog.DropEvent:
            return None

    shown = [write("job_failed") for _ in range(LINES_PER_SECOND + 30)]

    assert [line is not None for line in shown] == [True] * LINES_PER_SECOND + [False] * 30
    assert write("something_else") == {"event": "something_else"}
    clock.advance(1)
    assert write("job_failed") == {"event": "job_failed", "omitted": 30}
    assert write("job_failed") == {"event": "job_failed"}


def test_configured_logs_are_lines_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    before, level = logging.root.handlers[:], logging.root.level
    try:
        logs.configure_logs("info")
        structlog.get_logger("t").info("one", text="a\nb\x1b[31m")
        structlog.get_logger("t").debug("two")
        logging.getLogger("handlers").warning("three\n%s", "four")
        assert not logs.shows_debug()
    finally:
        logs.configure_logs("debug")
        assert logs.shows_debug()
        structlog.reset_defaults()
        logging.root.handlers[:] = before
        logging.root.setLevel(level)

    one, three = capsys.readouterr().err.splitlines()
    assert r'"text": "a\nb\u001b[31m"' in one
    assert r"three\nfour" in three


@pytest.mark.parametrize(("level", "shown"), [("debug", True), ("info", True), ("warning", False)])
@pytest.mark.processes
def test_info_lines_of_handlers_keep_their_level(level: str, shown: bool) -> None:
    code = f"""
import logging
from service.telemetry.logs import configure_logs
configure_logs({level!r})
logging.getLogger("my.handlers").info("mine %s", 1)
logging.info("root")
for name in ("arq.worker", "httpx", "uvicorn.error", "asyncio"):
    logging.getLogger(name).info("theirs")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert lines == (["mine 1", "root"] if shown else [])
