"""Finds handlers: what TRIAGE_HANDLERS names, and what of it is a handler."""

import importlib
import inspect
import pkgutil
import re
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
from workers.redaction import check_pointers


class Registry:
    """The handlers of one worker by every name that a job may have."""

    def __init__(
        self, handlers: Sequence[Handler], hooks: Hooks, cron_jobs: Sequence[CronJob], paths: Sequence[str]
    ) -> None:
        self.hooks = hooks
        self.cron_jobs = list(cron_jobs)
        self.paths = tuple(paths)
        # A function that is listed twice is one handler; two functions of one name are a mistake.
        self.handlers = tuple({(handler.name, handler.function): handler for handler in handlers}.values())
        self.by_name: dict[str, Handler] = {}
        for handler in self.handlers:
            for name in sorted({handler.name, canonical_name(handler.name), handler.name.replace("-", "_")}):
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
            for module in modules:
                item = getattr(module, "WorkerSettings", None)
                # A package may show the class of one of its modules: its hooks run once.
                if item is not None and not any(item is known for known in settings):
                    settings.append(item)
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


#: What the API takes as the name of a job: no other one could ever be submitted.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_HOOKS = ("on_startup", "on_shutdown", "on_job_start", "on_job_end", "after_job_end")


async def _never(ctx: dict[Any, Any], *args: Any, **kwargs: Any) -> Any:
    raise AssertionError("jobs run through the executor")


def _modules(path: str) -> Iterable[ModuleType]:
    try:
        module = importlib.import_module(path)
        yield module
        if hasattr(module, "__path__"):
            for info in pkgutil.walk_packages(module.__path__, f"{path}."):
                # __main__ is a program: importing it would run it.
                if not info.name.endswith(".__main__"):
                    yield importlib.import_module(info.name)
    except ConfigurationInvalid:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigurationInvalid(
            f"TRIAGE_HANDLERS: {path} cannot be imported: {type(error).__name__}: {error}"
        ) from error


def _handlers(module: ModuleType) -> Iterable[Handler]:
    own = [value for value in vars(module).values() if getattr(value, "__module__", None) == module.__name__]
    decorated = [value for value in own if isinstance(getattr(value, ATTRIBUTE, None), JobOptions)]
    if decorated:
        return [_from_function(function, getattr(function, ATTRIBUTE)) for function in decorated]
    settings = getattr(module, "WorkerSettings", None)
    listed = getattr(module, "functions", None) or _plain(settings, "functions")
    if listed:
        return [_from_arq(function, module.__name__) for function in listed]
    hooks = [_plain(settings, name) for name in _HOOKS]
    hooks += [cron.coroutine for cron in _plain(settings, "cron_jobs") or ()]
    return [_from_function(value, None) for value in own if _takes_ctx(value) and value not in hooks]


def _takes_ctx(value: Any) -> bool:
    if not inspect.isfunction(value) or value.__name__.startswith("_"):
        return False
    return next(iter(inspect.signature(value).parameters), "") == "ctx"


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
    try:
        schema = None if parameters.model is None else parameters.model.model_json_schema()
        check_pointers(options.redact if options else (), schema, function)
    except ValueError as error:
        raise ConfigurationInvalid(f"TRIAGE_HANDLERS: {name}: {error}.") from None
    if not _NAME.fullmatch(name):
        raise ConfigurationInvalid(f"TRIAGE_HANDLERS: {name!r} cannot be the name of a job type.")
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


def handler_of(function: Callable[..., Any]) -> Handler:
    """A handler without a module to be found in."""
    return _from_function(function, getattr(function, ATTRIBUTE, None))


def _from_arq(item: Any, module: str) -> Handler:
    if isinstance(item, str):
        try:
            item = import_string(item)
        except Exception as error:
            raise ConfigurationInvalid(
                f"TRIAGE_HANDLERS: {module} lists {item!r}, which cannot be imported: {error}"
            ) from error
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
    return handler_of(item)


def _plain(settings: Any, name: str) -> Any:
    """An attribute of a WorkerSettings class as arq reads it: a function in it takes no self."""
    if settings is None:
        return None
    value = settings.get(name) if isinstance(settings, dict) else vars(settings).get(name)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return value.__func__ if isinstance(value, staticmethod) else value  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
