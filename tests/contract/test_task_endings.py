"""Tasks are ended by `service.tasks`: one cancellation can be lost, and then the task runs forever."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SOURCES = sorted(path for room in ("service", "triage", "workers") for path in (ROOT / room).rglob("*.py"))

#: Other cancellations, by file: timers, and handlers, which decide how they react.
CANCELS = {
    "service/api/requests/protocol.py": {"self._reading_timer", "self._timer"},
    "service/tasks.py": {"task"},
    # A verb of the store, not of a task.
    "service/store/jobs.py": {"self"},
    # A second signal ends the command at once, whatever it is doing.
    "service/commands/bench/command.py": {"whole", "measuring"},
    "workers/engine/announced_wake_ups.py": {"self._timer"},
    "workers/engine/claimer.py": {"timer"},
    "workers/engine/runs/deadlines.py": {"self._timer"},
    # Handlers are cancelled twice: before their grace, in which they may clean up, and after it.
    "workers/engine/runs/stopper.py": {"run.task"},
    "workers/engine/runs/process_context.py": {"task", "self._coroutine[1]"},
    # A lookup that no thread has started, so it cannot swallow the cancellation.
    "workers/http/resolver.py": {"task"},
    "workers/engine/runs/run.py": {"self.timer"},
    # A future that a thread completes.
    "workers/engine/runs/runners.py": {"outcome"},
}
#: Time limits on something other than an event.
TIME_LIMITS: dict[str, set[str]] = {}
#: `asyncio.timeout` around code that uses no Redis of ours; it cancels only once as well.
BLOCKS = {
    "service/api/auth/jwks.py",
    "service/api/lane/arriving_body.py",
    "service/api/requests/limits.py",
    "service/commands/bench/cleaning.py",
    "service/commands/bench/run.py",
    "workers/http/outbound_guard.py",
    "workers/http/event_request.py",
    "workers/http/http_request.py",
    # Hooks are the user's code; a run whose hook does not end is abandoned.
    "workers/arq/hooks.py",
}


def calls(path: Path, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name:
            yield node


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_no_code_cancels_a_task_only_once(path: Path) -> None:
    cancelled = {ast.unparse(call.func).removesuffix(".cancel") for call in calls(path, "cancel")}
    # A verb of the store.
    cancelled = {of for of in cancelled if not of.endswith("jobs") and not of.endswith("groups")}
    unknown = cancelled - CANCELS.get(relative(path), set())
    assert not unknown, f"{unknown}: use service.tasks.end"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_only_events_are_waited_for_with_a_time_limit_of_asyncio(path: Path) -> None:
    awaited = {ast.unparse(call.args[0]) for call in calls(path, "wait_for")}
    unknown = {of for of in awaited if not of.endswith(".wait()")} - TIME_LIMITS.get(relative(path), set())
    assert not unknown, f"{unknown}: use service.tasks.within"


def test_only_code_without_redis_uses_asyncio_timeout() -> None:
    assert {relative(path) for path in SOURCES if [*calls(path, "timeout")]} == BLOCKS


@pytest.mark.parametrize("allowed", [CANCELS, TIME_LIMITS])
def test_no_exception_is_out_of_date(allowed: dict[str, set[str]]) -> None:
    name = "cancel" if allowed is CANCELS else "wait_for"
    for file, texts in allowed.items():
        found = {
            ast.unparse(call.func).removesuffix(".cancel") if name == "cancel" else ast.unparse(call.args[0])
            for call in calls(ROOT / file, name)
        }
        assert texts <= found, file
