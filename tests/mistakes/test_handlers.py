"""Mistakes in handlers: the message has the file and the line."""

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from service.domain.errors import ConfigurationInvalid
from triage import Context, job
from triage.testing import run
from workers.engine.runs.process_context import SubprocessContext
from workers.handling.registry import Registry

_JOB = "from triage import job\n"

#: The text of a module, and what the message must have, place included.
MODULES = [
    ("handler module: syntax", "def f(:", ("SyntaxError", "mod.py:1: def f(:")),
    (
        "handler module: missing library",
        "\nimport helper",
        ("No module named 'psycopgx'; install it", "mod.py:2: import helper", "helper.py:3: import psycopgx"),
    ),
    (
        "handler module: KeyError at import",
        "import os\nURL = os.environ['NO_SUCH_URL']",
        ("KeyError: 'NO_SUCH_URL'", "mod.py:2: URL = os.environ"),
    ),
    (
        "handler module: an error that another one caused",
        "try:\n    int('x')\nexcept ValueError as error:\n    raise RuntimeError('bad') from error",
        ("RuntimeError: bad", "mod.py:4", "after ValueError: invalid literal", "mod.py:2"),
    ),
    (
        "handler without ctx, @job / plain",
        f"{_JOB}@job\nasync def send(to: str): ...",
        ("send does not take ctx: its first parameter must be ctx, not to", "mod.py:2"),
    ),
    (
        "handler without ctx, @job / plain",
        "def send(to): ...",
        (
            "mod defines no handlers",
            "decorate a function with @job",
            "make ctx its first parameter",
            "mod.py:1",
        ),
    ),
    (
        "duplicate names",
        f"{_JOB}@job(name='send-mail')\nasync def one(ctx): ...\n@job\nasync def send_mail(ctx): ...",
        ("two handlers have the name 'send-mail': mod.one and mod.send_mail", "mod.py:2", "mod.py:4"),
    ),
    (
        "unknown @job option",
        f"{_JOB}@job(quue='x')\nasync def f(ctx): ...",
        ("'quue'; did you mean 'queue'?",),
    ),
    (
        "unknown @job option",
        f"{_JOB}@job(retry={{'attempts': 3}})\nasync def f(ctx): ...",
        ("'retry.attempts'; did you mean 'max_attempts'?", "mod.py:2"),
    ),
    ("unknown @job option", f"{_JOB}@job(concurency=3)\nasync def f(ctx): ...", ("'concurrency'?",)),
    (
        "parameter of an odd class",
        f"import socket\n{_JOB}@job\nasync def f(ctx, conn: socket.socket): ...",
        (
            "parameters of f (",
            "mod.py:3",
            "parameter conn has type socket",
            "a dataclass or a pydantic model",
        ),
    ),
]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    import sys

    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "helper.py").write_text("\n\nimport psycopgx\n")
    before = set(sys.modules)

    def write(text: str) -> None:
        (tmp_path / "mod.py").write_text(textwrap.dedent(text) + "\n")

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize(("_title", "text", "says"), MODULES)
def test_a_module_that_cannot_be_loaded_says_where_and_why(
    write: Callable[[str], None], _title: str, text: str, says: tuple[str, ...]
) -> None:
    write(text)
    with pytest.raises(ConfigurationInvalid) as caught:
        Registry.load(["mod"])
    message = caught.value.message
    assert message.startswith("TRIAGE_HANDLERS: ")
    assert [word for word in says if word not in message] == []
    assert "importlib" not in message
    assert "pydantic.dev" not in message


@job
async def returns(ctx: Context, kind: str) -> object:
    return {"object": object(), "nan": float("nan"), "large": "x" * 2_000_000}[kind]


@pytest.mark.parametrize(
    ("kind", "says"),
    [("object", "object"), ("nan", "NaN"), ("large", "the limit is 1,048,576. Store it elsewhere")],
)
async def test_a_result_that_cannot_be_stored_says_why(kind: str, says: str) -> None:
    """A `result not JSON`, large, or NaN."""
    end = await run(returns, {"kind": kind})
    assert (end.state, end.reason) == ("dead", "non_retryable")
    assert end.error is not None
    assert says in end.error.message


@job
async def adds(ctx: Context) -> None:
    await ctx.add_children({"a": {"name": "work"}})


async def test_a_child_in_a_wrong_form_says_the_form() -> None:
    """child in a wrong form."""
    end = await run(adds)
    assert end.error is not None
    assert end.error.message == "/children/a/name: there is no such field; the fields are job, depends_on"


def test_the_context_of_a_process_says_what_it_lacks() -> None:
    """`ctx["redis"]` in a process."""
    context: Any = SubprocessContext.__new__(SubprocessContext)
    with pytest.raises(KeyError, match=r"ctx\['redis'\] does not exist with executor='process'.*ctx.fan_out"):
        context["redis"]
    assert context.get("redis") is None


@job
async def forgets(ctx: Context) -> None:
    ctx.log("no await")  # type: ignore[unused-coroutine]  # the mistake


async def test_a_log_line_without_await_is_reported_by_python() -> None:
    """coroutine `ctx.log` without await."""
    with pytest.warns(RuntimeWarning, match=r"coroutine 'ctx.log' was never awaited"):
        await run(forgets)


@job(executor="process")
async def elsewhere(ctx: Context) -> str:
    return "done"


async def test_a_coroutine_function_may_run_in_a_process() -> None:
    """`executor="process"` on async def."""
    assert (await run(elsewhere)).result == "done"
