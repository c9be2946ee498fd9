import sys
import textwrap

import pytest

from service.domain.errors import ConfigurationInvalid
from service.settings import Settings
from workers.handling.registry import Registry


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes modules into the test's own package."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def write(name, text):
        path = tmp_path / (name.replace(".", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def names(registry):
    return {handler.name for handler in registry.handlers}


def startups(registry):
    return [hooks.startup for hooks in registry.hooks.modules if hooks.startup is not None]


def test_decorated_functions_hide_all_others(write):
    write(
        "mod",
        """
        from workers.handler import job
        @job
        async def one(ctx): ...
        async def two(ctx): ...
        """,
    )
    assert names(Registry.load(["mod"])) == {"one"}


def test_without_a_decorator_the_list_of_functions_counts(write):
    write(
        "mod",
        """
        async def one(ctx): ...
        async def two(ctx): ...
        functions = [two]
        """,
    )
    assert names(Registry.load(["mod"])) == {"two"}


def test_arq_functions_bring_their_timeout_and_their_tries(write):
    write(
        "mod",
        """
        from arq.worker import func
        async def one(ctx): ...
        async def two(ctx, to: str): ...
        class WorkerSettings:
            functions = [func(one, name="renamed", timeout=7, max_tries=4, keep_result=60), "mod.two"]
        """,
    )
    registry = Registry.load(["mod"])
    assert names(registry) == {"renamed", "mod.two"}
    handler = registry.find("renamed")
    assert handler is not None
    assert handler.defaults == {
        "timeout_seconds": 7,
        "retry": {"max_attempts": 4},
        "retention_seconds": 60,
    }


def test_a_plain_module_offers_its_public_functions_that_take_ctx(write):
    write(
        "mod",
        """
        from os.path import join
        async def one(ctx): ...
        def two(ctx, x): ...
        def helper(x): ...
        async def _hidden(ctx): ...
        """,
    )
    registry = Registry.load(["mod"])
    assert {handler.name: handler.executor for handler in registry.handlers} == {
        "one": "async",
        "two": "thread",
    }


def test_hooks_of_a_plain_module_are_not_handlers(write):
    write(
        "mod",
        """
        from arq.cron import cron
        async def one(ctx): ...
        async def start(ctx): ...
        async def tick(ctx): ...
        class WorkerSettings:
            on_startup = start
            cron_jobs = [cron(tick, minute=1)]
        """,
    )
    registry = Registry.load(["mod"])
    assert names(registry) == {"one", "cron:tick"}
    assert [hook.__name__ for hook in startups(registry)] == ["start"]
    assert [cron.coroutine.__qualname__ for cron, _ in registry.crons] == ["tick"]


@pytest.mark.anyio
async def test_hooks_of_several_modules_compose_and_end_in_the_opposite_order(write):
    for name in ("first", "second"):
        write(
            name,
            f"""
            async def {name}_job(ctx): ...
            async def {name}_start(ctx): ...
            async def {name}_stop(ctx): said("{name}")
            class WorkerSettings:
                functions = [{name}_job]
                on_startup = {name}_start
                on_shutdown = {name}_stop
            """,
        )
    registry = Registry.load(["first", "second"])
    assert [hook.__name__ for hook in startups(registry)] == ["first_start", "second_start"]
    called = []
    for name in ("first", "second"):
        vars(sys.modules[name])["said"] = called.append
    await registry.hooks.ends({}, 1)
    assert called == ["second", "first"]


def test_a_package_loads_its_modules_but_never_its_program(write):
    write("pack.__init__", "")
    write("pack.inner.__init__", "")
    write("pack.inner.deep", "async def deep(ctx): ...")
    write("pack.flat", "async def flat(ctx): ...")
    write("pack.__main__", "raise SystemExit('this is a program')")
    assert names(Registry.load(["pack"])) == {"deep", "flat"}


def test_a_name_is_found_in_both_spellings(write):
    write("mod", "async def process_order(ctx, order_id: str): 'Ships it.'")
    registry = Registry.load(["mod"])
    assert registry.find("process-order") is registry.find("process_order")
    assert registry.find("other") is None
    types = {job_type.name: job_type for job_type in registry.job_types()}
    assert set(types) == {"process-order", "process_order"}
    assert types["process-order"].payload_schema == types["process_order"].payload_schema
    assert types["process-order"].description == "Ships it."


def test_one_function_that_is_found_twice_is_one_handler(write):
    write("pack.__init__", "from pack.inner import one\nfunctions = [one]")
    write("pack.inner", "async def one(ctx): ...")
    assert names(Registry.load(["pack"])) == {"one"}


def test_type_checking_annotations_are_ignored_on_ctx_and_the_result(write):
    write(
        "mod",
        """
        from __future__ import annotations
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from nowhere import Context, Result
        async def send(ctx: Context, to: str) -> Result: ...
        """,
    )
    handler = Registry.load(["mod"]).find("send")
    assert handler is not None
    assert handler.bind({"to": "a"}) == ([], {"to": "a"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nowhere", "cannot be imported: ModuleNotFoundError"),
        ("raise SystemExit(3)", "cannot be imported: SystemExit"),
        ("x = 1", "defines no handlers"),
        ("async def a_b(ctx): ...\nasync def other(ctx): ...\nother.__name__ = 'a-b'", "two handlers"),
        ("functions = ['mod.missing']", "cannot be imported"),
        ("functions = [3]", "not a function"),
        (
            "from workers.handler import job\n"
            "@job(redact=['/crad'])\nasync def pay(ctx, card: str) -> None: ...",
            "pay: redact: '/crad' matches nothing",
        ),
        (
            "from workers.handler import job\nclass Odd: ...\n@job\nasync def one(ctx, odd: Odd): ...",
            "cannot derive a payload from the parameters of one",
        ),
        (
            "from workers.handler import job\n@job\nasync def one(ctx, odd: 'Missing'): ...",
            "cannot derive a payload from the parameters of one",
        ),
        ("from workers.handler import job\n@job\nasync def one(): ...", "one does not take ctx"),
        (
            "from workers.handler import job\n@job\nasync def one(order_id: str): ...",
            "one does not take ctx: its first parameter must be ctx, not order_id",
        ),
        ("async def one(to): ...\nfunctions = [one]", "one does not take ctx.* not to"),
        ("async def one(): ...\nfunctions = [one]", "one does not take ctx"),
        ("functions = ['asyncio.sleep']", "sleep does not take ctx"),
        ("class WorkerSettings:\n    max_burst_jobs = 1", "mod: max_burst_jobs is not supported"),
        ("class WorkerSettings:\n    max_tries = 0", "retry.max_attempts"),
        ("class WorkerSettings:\n    job_timeout = 'long'", "not a number of seconds"),
        ("class WorkerSettings:\n    cron_jobs = [3]", "arq.cron.cron"),
    ],
)
def test_a_module_that_cannot_be_used_is_named_with_its_error(write, text, message):
    write("mod", text)
    with pytest.raises(ConfigurationInvalid, match=message):
        Registry.load(["mod"])


def test_the_worker_ships_the_handlers_of_the_contract():
    assert names(Registry.load(Settings().handler_paths)) == {
        "send-alert",
        "send-report",
        "sync-data",
        "process-order",
        "fetch-line-items",
        "calculate-tax",
        "apply-discounts",
        "generate-invoice",
        "http.request",
    }


def test_the_built_in_job_type_joins_custom_handlers_unless_it_is_switched_off(write):
    write("mod", "async def mine(ctx): ...")
    assert names(Registry.load(Settings(handlers="mod").handler_paths)) == {"mine", "http.request"}
    assert names(Registry.load(Settings(handlers="mod", http_request=False).handler_paths)) == {"mine"}
    assert names(Registry.load(Settings(handlers="").handler_paths)) == {"http.request"}
