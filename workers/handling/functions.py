"""Turns functions, and the entries of arq's lists, into Handlers."""

import inspect
from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

import arq.worker
from arq.cron import CronJob
from arq.utils import import_string

from service.domain.checks import SpecInvalid
from service.domain.errors import ConfigurationInvalid
from service.domain.job_spec import ARQ_JOB_ID, NAME, merge_defaults
from workers.arq.cron_times import next_firing
from workers.arq.settings import (
    KEEP_RESULT_SECONDS,
    MAX_TRIES,
    ArqSettings,
    function_defaults,
)
from workers.calls.import_errors import place_of, why_not_called
from workers.calls.invocation import Handler
from workers.calls.parameters import read_parameters
from workers.calls.redaction import check_pointers
from workers.handler import ATTRIBUTE, JobOptions, check_first_parameter

#: 50 years before the end of the calendar, in unix ms: a cron job without a fire time after it never fires.
_LATE = 251_812_368_000_000
#: arq's own defaults, for functions without @job.
_ARQ_DEFAULTS: Mapping[str, Any] = {"retry": {"max_attempts": MAX_TRIES}}


def options_of(function: Any) -> JobOptions | None:
    """The arguments of @job; None for a function without it."""
    options = getattr(function, ATTRIBUTE, None)
    return options if isinstance(options, JobOptions) else None


def handler_of(
    function: Callable[..., Any],
    *,
    name: str | None = None,
    exact_name: str | None = None,
    settings: Mapping[str, Any] | None = None,
    own: Mapping[str, Any] | None = None,
) -> Handler:
    """Make the Handler of a function; raises ConfigurationInvalid.

    `exact_name` overrides the name of @job, `name` does not. `settings` are the defaults from its
    WorkerSettings, which @job overrides; `own` overrides both.
    """
    options = options_of(function)
    name = exact_name or (options.name if options else None) or name or function.__name__
    try:
        NAME(name, "")
    except SpecInvalid as error:
        raise ConfigurationInvalid(f"TRIAGE_HANDLERS: the name of a job type {error.reason}.") from None
    try:
        check_first_parameter(function)
        parameters = read_parameters(name, function, loose=options is None)
        # Fails here for a type without a JSON form, where the author sees it, rather than at registration.
        schema = None if parameters.model is None else parameters.model.model_json_schema()
    except Exception as error:
        raise ConfigurationInvalid(
            f"TRIAGE_HANDLERS: cannot derive a payload from the parameters of {name}"
            f" ({place_of(function)}): {why_not_called(function, error)}."
        ) from error
    try:
        check_pointers(options.redact if options else (), schema, function)
    except ValueError as error:
        raise ConfigurationInvalid(f"TRIAGE_HANDLERS: {name}: {error}.") from None
    coroutine = inspect.iscoroutinefunction(function)
    executor = (options.executor if options else None) or ("async" if coroutine else "thread")
    if executor == "async" and not coroutine:
        raise ConfigurationInvalid(
            f"TRIAGE_HANDLERS: {name} has executor async but is not a coroutine function."
        )
    defaults = merge_defaults({} if options else _ARQ_DEFAULTS, settings or {})
    defaults = merge_defaults(merge_defaults(defaults, options.defaults if options else {}), own or {})
    return Handler(
        name=name,
        function=function,
        executor=executor,
        module=function.__module__,
        model=parameters.model,
        whole=parameters.whole,
        positional=parameters.positional,
        parameters=parameters.parameters,
        nameless=parameters.nameless,
        loose=parameters.loose,
        concurrency=options.concurrency if options else None,
        redact=options.redact if options else (),
        defaults=defaults,
    )


def handler_from_arq(item: Any, settings: ArqSettings) -> Handler:
    """Make the Handler of an entry of arq's `functions`: a function, its dotted name, or a `func()`."""
    name = None
    if isinstance(item, str):
        name = item
        try:
            item = import_string(item)
        except Exception as error:
            raise ConfigurationInvalid(
                f"TRIAGE_HANDLERS: {settings.where} lists {item!r}, which cannot be imported: {error}"
            ) from error
    if isinstance(item, arq.worker.Function):
        try:
            own = function_defaults(
                item.timeout_s, item.keep_result_s, item.keep_result_forever, item.max_tries
            )
        except (TypeError, ValueError) as error:
            raise ConfigurationInvalid(f"TRIAGE_HANDLERS: func() of {item.name}: {error}") from error
        return handler_of(item.coroutine, name=_short(item.name), settings=settings.defaults, own=own)
    if not callable(item):
        raise ConfigurationInvalid(
            f"TRIAGE_HANDLERS: {settings.where} lists {item!r}, which is not a function."
        )
    name = name or _short(getattr(item, "__qualname__", type(item).__qualname__))
    return handler_of(item, name=name, settings=settings.defaults)


def handler_of_cron(cron: CronJob, settings: ArqSettings) -> Handler:
    """Make the Handler of a cron job's function, under the cron job's name."""
    try:
        own = cron_defaults(cron, settings)
        if cron.job_id is not None:
            ARQ_JOB_ID(cron.job_id, "job_id")
        next_firing(cron, UTC, _LATE)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise ConfigurationInvalid(f"TRIAGE_HANDLERS: cron() of {cron.name}: {error}") from error
    return handler_of(cron.coroutine, exact_name=cron_name(cron), settings=settings.defaults, own=own)


def cron_name(cron: CronJob) -> str:
    """The job type of the jobs that a cron job submits."""
    return _short(cron.name)


def cron_defaults(cron: CronJob, settings: ArqSettings) -> dict[str, Any]:
    """Defaults of a cron job's jobs, from the arguments of `cron()`.

    By default arq keeps no result of a cron job. Triage keeps the job as long as the worker keeps results,
    so that operators can see its outcome.
    """
    keep = cron.keep_result_s or settings.defaults.get("retention_seconds", KEEP_RESULT_SECONDS)
    return function_defaults(cron.timeout_s, keep, cron.keep_result_forever, cron.max_tries)


def _short(name: str) -> str:
    """Strip the enclosing function from a name: `<locals>` is not allowed in a job type's name."""
    prefix, _, rest = name.rpartition("<locals>.")
    return ("cron:" if prefix.startswith("cron:") else "") + rest
