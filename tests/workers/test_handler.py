from typing import Any, cast

import pytest
from arq.worker import Retry as ArqRetry

from workers.handler import ATTRIBUTE, NonRetryable, Retry, Snooze, job


def test_a_bare_decorator_leaves_the_function_as_it_was():
    @job
    async def send(ctx): ...

    assert send.__name__ == "send"
    assert getattr(send, ATTRIBUTE).defaults == {}


def test_options_become_defaults_in_the_form_of_a_job_spec():
    @job(
        name="send-mail",
        queue="bulk",
        priority=5,
        retry={"max_attempts": 7},
        timeout_seconds=60,
        redact=["/to"],
    )
    async def send(ctx): ...

    options = getattr(send, ATTRIBUTE)
    assert options.name == "send-mail"
    assert options.redact == ("/to",)
    assert options.defaults == {
        "queue": "bulk",
        "priority": 5,
        "retry": {"max_attempts": 7},
        "timeout_seconds": 60,
    }


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"retry": {"attempts": 3}}, "retry.attempts"),
        ({"retry": {"max_attempts": 0}}, "retry.max_attempts"),
        ({"retry": {"jitter": 1.5}}, "retry.jitter"),
        ({"retry": 3}, "retry"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"timeout_seconds": float("nan")}, "timeout_seconds"),
        ({"priority": 1001}, "priority"),
        ({"priority": True}, "priority"),
        ({"concurrency": 0}, "concurrency"),
        ({"executor": "fiber"}, "executor"),
        ({"redact": ["card"]}, "redact.0"),
        ({"redact": ["/cards/*/"]}, "redact.0"),
        ({"redact": ["/a~2"]}, "redact.0"),
        ({"name": "two words"}, "name"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_an_invalid_option_is_refused_by_name_at_decoration(options, named):
    with pytest.raises((TypeError, ValueError), match=f"@job: .*{named}"):
        job(**options)


def test_a_plain_function_cannot_be_run_in_the_event_loop():
    with pytest.raises(TypeError, match="coroutine"):

        @job(executor="async")
        def crunch(ctx): ...


def test_a_name_given_without_its_keyword_is_refused():
    with pytest.raises(TypeError, match="must decorate a function"):
        job(cast(Any, "send-mail"))


def test_retry_is_the_one_of_arq():
    assert Retry is ArqRetry


def test_a_snooze_keeps_milliseconds_and_is_never_in_the_past():
    assert Snooze(1.5).delay_ms == 1500
    assert Snooze(-3).delay_ms == 0


@pytest.mark.parametrize("seconds", [float("nan"), float("inf")])
def test_a_snooze_without_an_end_is_refused(seconds):
    with pytest.raises(ValueError, match="Snooze"):
        Snooze(seconds)


def test_non_retryable_keeps_its_message():
    assert str(NonRetryable("gone")) == "gone"
