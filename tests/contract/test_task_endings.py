"""Tasks are ended by `service.tasks`: one cancellation can be lost, and then a task runs for ever."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SOURCES = sorted(path for room in ("service", "triage", "workers") for path in (ROOT / room).rglob("*.py"))

#: What else is cancelled, by file: timers, and handlers, which decide by themselves what that is to them.
CANCELS = {
    "service/api/requests/protocol.py": {"self._reading_timer", "self._timer"},
    "service/tasks.py": {"task"},
    # The verb of the store, not of a task.
    "service/store/jobs.py": {"self"},
    # A second signal ends the command at once, whatever it was about to do.
    "service/commands/bench/command.py": {"whole", "measuring"},
    "workers/engine/claimer.py": {"timer"},
    "workers/engine/runs/deadlines.py": {"self._timer"},
    # Handlers are asked twice: before their grace, in which they may clean up, and after it.
    "workers/engine/runs/stopper.py": {"run.task"},
    "workers/engine/runs/process_context.py": {"task", "self._coroutine[1]"},
    # A look-up that no thread has begun: nothing that could swallow it.
    "workers/http/resolver.py": {"task"},
    "workers/engine/runs/run.py": {"self.timer"},
    # A future that a thread fulfils.
    "workers/engine/runs/runners.py": {"outcome"},
}
#: Where something else than an event is waited for with a time limit.
TIME_LIMITS: dict[str, set[str]] = {}
#: Where `asyncio.timeout` ends what talks to no Redis of ours: it cancels once, too.
BLOCKS = {
    "service/api/auth/jwks.py",
    "service/api/requests/limits.py",
    "service/commands/bench/cleaning.py",
    "service/commands/bench/run.py",
    "workers/http/outbound_guard.py",
    "workers/http/http_request.py",
    # What a hook does is its author's; whoever has started it in vain abandons its run.
    "workers/arq/hooks.py",
}


def calls(path: Path, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name:
            yield node


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_nobody_cancels_a_task_only_once(path: Path) -> None:
    cancelled = {ast.unparse(call.func).removesuffix(".cancel") for call in calls(path, "cancel")}
    # The verb of the store.
    cancelled = {of for of in cancelled if not of.endswith("jobs") and not of.endswith("groups")}
    unknown = cancelled - CANCELS.get(relative(path), set())
    assert not unknown, f"{unknown}: use service.tasks.end"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_only_events_are_waited_for_with_a_time_limit_of_asyncio(path: Path) -> None:
    awaited = {ast.unparse(call.args[0]) for call in calls(path, "wait_for")}
    unknown = {of for of in awaited if not of.endswith(".wait()")} - TIME_LIMITS.get(relative(path), set())
    assert not unknown, f"{unknown}: use service.tasks.within"


def test_only_what_talks_to_no_redis_has_a_time_limit_as_a_block() -> None:
    assert {relative(path) for path in SOURCES if [*calls(path, "timeout")]} == BLOCKS


@pytest.mark.parametrize("allowed", [CANCELS, TIME_LIMITS])
def test_no_exception_has_outlived_its_reason(allowed: dict[str, set[str]]) -> None:
    name = "cancel" if allowed is CANCELS else "wait_for"
    for file, texts in allowed.items():
        found = {
            ast.unparse(call.func).removesuffix(".cancel") if name == "cancel" else ast.unparse(call.args[0])
            for call in calls(ROOT / file, name)
        }
        assert texts <= found, file
