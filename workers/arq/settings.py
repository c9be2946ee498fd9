"""Reads arq's WorkerSettings: maps its options to Triage's, and warns of unsupported ones."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any, cast

import arq.worker
from arq.constants import default_queue_name
from arq.cron import CronJob

from service.domain.checks import TEN_YEARS, Whole
from service.domain.errors import ConfigurationInvalid
from service.domain.job_spec import check_defaults
from service.settings import Settings
from workers.arq.hooks import Hook, ModuleHooks

#: arq's own defaults, for functions without @job.
MAX_TRIES = 5
KEEP_RESULT_SECONDS = 3600.0

#: All options of arq's Worker; read before workers.main replaces the class.
OPTIONS = frozenset(inspect.signature(arq.worker.Worker).parameters)
#: Options without an effect, and why.
IGNORED: Mapping[str, str] = {
    "redis_settings": "TRIAGE_REDIS_URL names the server",
    "redis_pool": "TRIAGE_REDIS_URL names the server",
    "poll_delay": "Triage wakes workers; they do not poll",
    "queue_read_limit": "a worker claims as many jobs as it has free slots",
    "health_check_interval": "workers report with every heartbeat; use /readyz, /livez or `arq --check`",
    "health_check_key": "workers report with every heartbeat; use /readyz, /livez or `arq --check`",
    "job_serializer": "payloads and results are JSON",
    "job_deserializer": "payloads and results are JSON",
}
#: Options without an effect if they have this value.
IGNORED_VALUES: Mapping[tuple[str, object], str] = {
    ("log_results", True): "results are never logged",
    ("allow_abort_jobs", False): "jobs can always be cancelled",
    ("handle_signals", False): "a worker process drains on SIGTERM and SIGINT",
}


@dataclass(frozen=True, slots=True)
class ArqSettings:
    """A WorkerSettings; None = the option is absent."""

    #: Its module, for messages.
    where: str = "functions"
    functions: tuple[Any, ...] = ()
    cron_jobs: tuple[CronJob, ...] = ()
    hooks: ModuleHooks = field(default_factory=ModuleHooks)
    ctx: Mapping[Any, Any] = field(default_factory=dict[Any, Any])
    #: Defaults of its functions' jobs, in the JSON form of JobSpec.
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    timezone: tzinfo | None = None
    burst: bool | None = None
    max_jobs: int | None = None
    job_completion_wait: float | None = None
    expires_extra_ms: int | None = None
    #: A sentence for each option without an effect.
    ignored: tuple[str, ...] = ()

    @property
    def coroutines(self) -> list[Any]:
        """Functions that take ctx but are not handlers."""
        hooks = self.hooks
        every = (hooks.startup, hooks.shutdown, hooks.job_start, hooks.job_end, hooks.after_job_end)
        return [*(hook for hook in every if hook is not None), *(cron.coroutine for cron in self.cron_jobs)]


def read_arq_settings(source: Any, where: str) -> ArqSettings:
    """Read a class or a dictionary; raises ConfigurationInvalid."""
    given = {name: value for name, value in _options(source).items() if name in OPTIONS}
    try:
        return _read(given, where)
    except (TypeError, ValueError) as error:
        raise ConfigurationInvalid(f"TRIAGE_HANDLERS: WorkerSettings of {where}: {error}") from error


def _read(given: Mapping[str, Any], where: str) -> ArqSettings:
    if given.get("max_burst_jobs", -1) >= 0:
        raise ValueError("max_burst_jobs is not supported; a burst ends when no jobs are left.")
    cron_jobs = tuple(given.get("cron_jobs") or ())
    if any(type(cron) is not CronJob for cron in cron_jobs):
        raise TypeError("cron_jobs must be made with arq.cron.cron.")
    max_jobs = _given(given, "max_jobs", lambda value: value)
    if max_jobs is not None and (not isinstance(max_jobs, int) or max_jobs < 1):
        raise ValueError(f"max_jobs must be a positive integer, not {max_jobs!r}.")
    zone = given.get("timezone")
    if zone is not None and not isinstance(zone, tzinfo):
        raise TypeError(f"timezone must be a tzinfo, not {zone!r}.")
    return ArqSettings(
        where=where,
        functions=tuple(given.get("functions") or ()),
        cron_jobs=cron_jobs,
        hooks=ModuleHooks(
            _hook(given, "on_startup"),
            _hook(given, "on_shutdown"),
            _hook(given, "on_job_start"),
            _hook(given, "on_job_end"),
            _hook(given, "after_job_end"),
        ),
        ctx=dict(given.get("ctx") or {}),
        defaults=_job_defaults(given),
        timezone=zone,
        burst=given.get("burst"),
        max_jobs=max_jobs,
        job_completion_wait=_given(given, "job_completion_wait", seconds),
        expires_extra_ms=_given(given, "expires_extra_ms", _milliseconds),
        ignored=tuple(_ignored(given, where)),
    )


def _job_defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    defaults: dict[str, Any] = {}
    if (queue := given.get("queue_name")) not in (None, default_queue_name):
        defaults["queue"] = queue
    if (timeout := _given(given, "job_timeout", seconds)) is not None:
        defaults["timeout_seconds"] = timeout
    if given.get("keep_result_forever"):
        defaults["retention_seconds"] = TEN_YEARS
    elif (keep := _given(given, "keep_result", seconds)) is not None:
        defaults["retention_seconds"] = keep
    if not given.get("retry_jobs", True):
        defaults["retry"] = {"max_attempts": 1}
    elif (tries := given.get("max_tries")) is not None:
        defaults["retry"] = {"max_attempts": tries}
    return checked_defaults(defaults)


def function_defaults(
    timeout: float | None, keep: float | None, forever: bool | None, tries: int | None
) -> dict[str, Any]:
    """Defaults for a function's jobs, from the arguments of arq's `func()`; raises ValueError."""
    defaults: dict[str, Any] = {}
    if timeout is not None:
        defaults["timeout_seconds"] = timeout
    if forever:
        defaults["retention_seconds"] = TEN_YEARS
    elif keep is not None:
        defaults["retention_seconds"] = keep
    if tries is not None:
        defaults["retry"] = {"max_attempts": tries}
    return checked_defaults(defaults)


def checked_defaults(defaults: dict[str, Any]) -> dict[str, Any]:
    """Check defaults; raises ValueError for values that the API would refuse."""
    check_defaults(defaults)
    return defaults


def seconds(value: float | timedelta) -> float:
    """The seconds of an option; raises TypeError or ValueError."""
    number: Any = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise TypeError(f"{value!r} is not a number of seconds.")
    if not 0 <= number <= TEN_YEARS:
        raise ValueError(f"{value!r} is not between 0 and {TEN_YEARS} seconds.")
    return number


def _milliseconds(value: Any) -> int:
    return Whole(0, TEN_YEARS * 1000)(int(value), "expires_extra_ms")


def local_timezone() -> tzinfo:
    """The system's timezone, as in arq."""
    zone = datetime.now().astimezone().tzinfo
    assert zone is not None
    return zone


#: Options that TRIAGE_* variables override.
_OF_WORKERS: Mapping[str, str] = {"max_jobs": "concurrency", "job_completion_wait": "drain_seconds"}


def worker_settings(settings: Settings, every: Sequence[ArqSettings]) -> Settings:
    """Settings from WorkerSettings that the environment does not set."""
    update = {
        setting: min(given)
        for option, setting in _OF_WORKERS.items()
        if setting not in settings.model_fields_set
        and (given := [value for item in every if (value := getattr(item, option)) is not None])
    }
    return settings.model_copy(update=update) if update else settings


def name_ignored(settings: Settings, every: Sequence[ArqSettings]) -> list[str]:
    """A sentence for each option that has no effect or is overridden."""
    return [sentence for item in every for sentence in item.ignored] + [
        f"{item.where}: WorkerSettings.{option} = {value} has no effect:"
        f" TRIAGE_{setting.upper()} is {getattr(settings, setting)}."
        for item in every
        for option, setting in _OF_WORKERS.items()
        if (value := getattr(item, option)) is not None and value != getattr(settings, setting)
    ]


def _given(given: Mapping[str, Any], name: str, read: Callable[[Any], Any]) -> Any:
    return None if given.get(name) is None else read(given[name])


def _hook(given: Mapping[str, Any], name: str) -> Hook | None:
    hook: Any = given.get(name)
    if hook is not None and not callable(hook):
        raise TypeError(f"{name} must be a coroutine function, not {hook!r}.")
    return cast(Hook | None, hook)


def _ignored(given: Mapping[str, Any], where: str) -> Sequence[str]:
    reasons = [(name, IGNORED[name]) for name in IGNORED if given.get(name) is not None]
    reasons += [
        (name, reason) for (name, value), reason in IGNORED_VALUES.items() if given.get(name) is value
    ]
    return [f"{where}: WorkerSettings.{name} has no effect: {reason}." for name, reason in reasons]


def _options(source: Any) -> dict[str, Any]:
    """The class's own attributes, as arq reads them; a function among them takes no self."""
    options = cast(dict[str, Any], dict(source if isinstance(source, dict) else vars(source)))
    return {
        name: value.__func__ if isinstance(value, staticmethod) else value for name, value in options.items()
    }
