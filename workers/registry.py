"""Finds handlers: what TRIAGE_HANDLERS names, and what of it is a handler."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from types import ModuleType
from typing import Any

import arq.worker
from arq.cron import CronJob
from arq.utils import import_string

from service.domain.catalogue import JobType, canonical_name
from service.domain.errors import ConfigurationInvalid
from workers.handler import ATTRIBUTE, JobOptions
from workers.hooks import Hooks
from workers.invocation import Handler
from workers.parameters import read_parameters


class Registry:
    """The handlers of one worker by every name that a job may have."""

    def __init__(
        self, handlers: Sequence[Handler], hooks: Hooks, cron_jobs: Sequence[CronJob], paths: Sequence[str]
    ) -> None:
        self.hooks = hooks
        self.cron_jobs = list(cron_jobs)
        self.paths = tuple(paths)
        self.handlers = tuple(handlers)
        self.by_name: dict[str, Handler] = {}
        for handler in handlers:
            for name in {handler.name, canonical_name(handler.name), handler.name.replace("-", "_")}:
                if self.by_name.setdefault(name, handler) is not handler:
                    raise ConfigurationInvalid(f"TRIAGE_HANDLERS: two handlers answer to the name {name!r}.")

    @classmethod
    def load(cls, paths: Sequence[str], functions: Sequence[Any] = ()) -> "Registry":
        """Import the paths; raises ConfigurationInvalid for one that cannot be imported or has no handler."""
        handlers = [_from_arq(function, "functions") for function in functions]
        settings: list[Any] = []
        for path in paths:
            modules = list(_modules(path))
            found = [handler for module in modules for handler in _handlers(module)]
            if not found:
                raise ConfigurationInvalid(f"TRIAGE_HANDLERS: {path} has no handler.")
            handlers += found
            settings += [module.WorkerSettings for module in modules if hasattr(module, "WorkerSettings")]
        hooks = Hooks(
            *([hook for item in settings if (hook := _plain(item, name)) is not None] for name in _HOOKS)
        )
        cron_jobs = [cron for item in settings for cron in (_plain(item, "cron_jobs") or ())]
        return cls(handlers, hooks, cron_jobs, paths)

    def find(self, name: str) -> Handler | None:
        return self.by_name.get(name)

    @cached_property
    def limited(self) -> bool:
        return any(handler.concurrency is not None for handler in self.handlers)

    @cached_property
    def claimable(self) -> Mapping[str, int | None]:
        return dict.fromkeys(self.by_name)

    def job_types(self) -> list[JobType]:
        """What the worker publishes, under every name that it answers to."""
        return [
            JobType(
                name=name,
                payload_schema=handler.schema(),
                defaults=dict(handler.defaults),
                executor=handler.executor,
                concurrency=handler.concurrency,
                redact=handler.redact,
                description=inspect.getdoc(handler.function) or "",
            )
            for name, handler in self.by_name.items()
        ]

    def arq_functions(self) -> list[arq.worker.Function]:
        """What arq's constructor insists on; it never calls them."""
        return [
            arq.worker.Function(handler.name, _never, None, None, None, None) for handler in self.handlers
        ]


_HOOKS = ("on_startup", "on_shutdown", "on_job_start", "on_job_end", "after_job_end")


async def _never(ctx: dict[Any, Any], *args: Any, **kwargs: Any) -> Any:
    raise AssertionError("jobs run through the executor")


def _modules(path: str) -> Iterable[ModuleType]:
    try:
        module = importlib.import_module(path)
        yield module
        if hasattr(module, "__path__"):
            for info in pkgutil.walk_packages(module.__path__, f"{path}."):
                yield importlib.import_module(info.name)
    except ConfigurationInvalid:
        raise
    except Exception as error:
        raise ConfigurationInvalid(
            f"TRIAGE_HANDLERS: {path} cannot be imported: {type(error).__name__}: {error}"
        ) from error


def _handlers(module: ModuleType) -> Iterable[Handler]:
    own = [value for value in vars(module).values() if getattr(value, "__module__", None) == module.__name__]
    decorated = [value for value in own if isinstance(getattr(value, ATTRIBUTE, None), JobOptions)]
    if decorated:
        return [_from_function(function, getattr(function, ATTRIBUTE)) for function in decorated]
    listed = getattr(module, "functions", None) or _plain(
        getattr(module, "WorkerSettings", None), "functions"
    )
    if listed:
        return [_from_arq(function, module.__name__) for function in listed]
    public = [value for value in own if inspect.isfunction(value) and not value.__name__.startswith("_")]
    return [
        _from_function(function, None)
        for function in public
        if next(iter(inspect.signature(function).parameters), "") == "ctx"
    ]


def _from_function(
    function: Callable[..., Any], options: JobOptions | None, name: str | None = None, **defaults: Any
) -> Handler:
    name = (options.name if options else None) or name or function.__name__
    try:
        parameters = read_parameters(name, function)
        if parameters.model is not None:
            # A type without a JSON form is the author's to see here, not the operator's at registration.
            parameters.model.model_json_schema()
    except Exception as error:
        raise ConfigurationInvalid(
            f"TRIAGE_HANDLERS: the parameters of {name} cannot be a payload: {error}"
        ) from error
    executor = (options.executor if options else None) or (
        "async" if inspect.iscoroutinefunction(function) else "thread"
    )
    if executor == "async" and not inspect.iscoroutinefunction(function):
        raise ConfigurationInvalid(
            f"TRIAGE_HANDLERS: {name} has executor async and is not a coroutine function."
        )
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
        concurrency=options.concurrency if options else None,
        redact=options.redact if options else (),
        defaults=(options.defaults if options else {}) | defaults,
    )


def _from_arq(item: Any, module: str) -> Handler:
    if isinstance(item, str):
        item = import_string(item)
    if isinstance(item, arq.worker.Function):
        defaults: dict[str, Any] = {}
        if item.timeout_s is not None:
            defaults["timeout_seconds"] = item.timeout_s
        if item.max_tries is not None:
            defaults["retry"] = {"max_attempts": item.max_tries}
        if item.keep_result_s is not None:
            defaults["retention_seconds"] = item.keep_result_s
        return _from_function(item.coroutine, getattr(item.coroutine, ATTRIBUTE, None), item.name, **defaults)
    if not callable(item):
        raise ConfigurationInvalid(f"TRIAGE_HANDLERS: {module} lists {item!r}, which is not a function.")
    return _from_function(item, getattr(item, ATTRIBUTE, None))


def _plain(settings: Any, name: str) -> Any:
    """An attribute of a WorkerSettings class as arq reads it: a function in it takes no self."""
    if settings is None:
        return None
    value = settings.get(name) if isinstance(settings, dict) else vars(settings).get(name)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return value.__func__ if isinstance(value, staticmethod) else value  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
