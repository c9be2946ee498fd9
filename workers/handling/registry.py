"""Finds the handlers in the modules of TRIAGE_HANDLERS."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from types import ModuleType
from typing import Any

import arq.worker
from arq.cron import CronJob

from service.domain.catalogue import JobType, canonical_name
from service.domain.errors import ConfigurationInvalid
from workers.arq import job as _arq_job
from workers.arq.hooks import Hooks
from workers.arq.settings import ArqSettings, read_arq_settings
from workers.calls.import_errors import place_of, why_not_imported
from workers.calls.invocation import Handler
from workers.handling.functions import handler_from_arq, handler_of, handler_of_cron, options_of

__all__ = ["Registry", "_arq_job", "handler_of"]


class Registry:
    """The handlers of one worker, under every spelling of their names."""

    def __init__(
        self,
        handlers: Sequence[Handler],
        hooks: Hooks | None = None,
        settings: Sequence[ArqSettings] = (),
        paths: Sequence[str] = (),
        max_payload_bytes: int = 65_536,
    ) -> None:
        #: The API's limit, which also applies to the jobs that handlers submit.
        self.max_payload_bytes = max_payload_bytes
        self.settings = tuple(settings)
        self.hooks = hooks or Hooks([item.hooks for item in settings])
        self.paths = tuple(paths)
        # Listing a function twice is fine; two functions with one name are an error.
        self.handlers = tuple({(handler.name, handler.function): handler for handler in handlers}.values())
        self.by_name: dict[str, Handler] = {}
        for handler in self.handlers:
            for name in sorted({handler.name, canonical_name(handler.name), handler.name.replace("-", "_")}):
                other = self.by_name.setdefault(name, handler)
                if other is not handler:
                    raise ConfigurationInvalid(
                        f"TRIAGE_HANDLERS: two handlers have the name {name!r}:"
                        f" {_where(other)} and {_where(handler)}"
                        f" ({place_of(other.function)}, {place_of(handler.function)})."
                    )

    @classmethod
    def load(
        cls,
        paths: Sequence[str],
        functions: Sequence[Any] = (),
        options: Mapping[str, Any] | None = None,
        max_payload_bytes: int = 65_536,
    ) -> "Registry":
        """Import the paths; raises ConfigurationInvalid for one that cannot be imported or has no handler.

        `functions` and `options` are the arguments of arq's constructor.
        """
        given = read_arq_settings({**(options or {}), "functions": functions}, "Worker")
        by_path = {path: list(_modules(path)) for path in paths}
        # A package may re-export the class of a submodule; its hooks must still run only once.
        read: dict[int, ArqSettings] = {}
        found: dict[str, ArqSettings] = {}
        for module in (module for modules in by_path.values() for module in modules):
            if (item := getattr(module, "WorkerSettings", None)) is not None:
                if id(item) not in read:
                    read[id(item)] = read_arq_settings(item, module.__name__)
                found[module.__name__] = read[id(item)]
        settings = [given, *read.values()]
        reserved = [coroutine for item in settings for coroutine in item.coroutines]
        listed = [handler_from_arq(function, given) for function in given.functions]
        listed += [handler_of_cron(cron, given) for cron in given.cron_jobs]
        own: list[Handler] = []
        for path, modules in by_path.items():
            before = len(listed) + len(own)
            for module in modules:
                here = _listed(module, found.get(module.__name__))
                listed += here
                own += _own(module, here, reserved)
            if len(listed) + len(own) == before:
                raise ConfigurationInvalid(f"TRIAGE_HANDLERS: {path} defines no handlers{_advice(modules)}.")
        # Listed handlers, which have options, come last: they replace the same function found in its module.
        return cls([*own, *listed], None, settings, paths, max_payload_bytes)

    @property
    def expires_extra_ms(self) -> int | None:
        """Milliseconds after its due time until an enqueued job expires; None = never."""
        return min((item.expires_extra_ms for item in self.settings if item.expires_extra_ms), default=None)

    @property
    def crons(self) -> list[tuple[CronJob, ArqSettings]]:
        return [(cron, item) for item in self.settings for cron in item.cron_jobs]

    @property
    def shared_context(self) -> dict[Any, Any]:
        """The entries of `ctx` from WorkerSettings."""
        return {key: value for item in self.settings for key, value in item.ctx.items()}

    def find(self, name: str) -> Handler | None:
        return self.by_name.get(name)

    @cached_property
    def limited(self) -> bool:
        return any(handler.concurrency is not None for handler in self.handlers)

    @cached_property
    def claimable(self) -> Mapping[str, int | None]:
        return dict.fromkeys(self.by_name)

    def job_types(self) -> list[JobType]:
        """The job types that the worker publishes, one for each name of a handler."""
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
        """Placeholders that arq's constructor requires and never calls."""
        return [
            arq.worker.Function(handler.name, _never, None, None, None, None) for handler in self.handlers
        ]


async def _never(ctx: dict[Any, Any], *args: Any, **kwargs: Any) -> Any:
    raise AssertionError("jobs run through the executor")


def _modules(path: str) -> Iterable[ModuleType]:
    try:
        module = importlib.import_module(path)
        yield module
        if hasattr(module, "__path__"):
            for info in pkgutil.walk_packages(module.__path__, f"{path}."):
                # Importing __main__ would run a program.
                if not info.name.endswith(".__main__"):
                    yield importlib.import_module(info.name)
    except ConfigurationInvalid:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigurationInvalid(f"TRIAGE_HANDLERS: {why_not_imported(path, error)}") from error


def _listed(module: ModuleType, settings: ArqSettings | None) -> list[Handler]:
    """The handlers in a module's arq lists: functions and cron jobs."""
    settings = settings or ArqSettings(where=module.__name__)
    functions = getattr(module, "functions", None)
    functions = [*(functions if isinstance(functions, list | tuple) else ()), *settings.functions]
    return [
        *(handler_from_arq(function, settings) for function in functions),
        *(handler_of_cron(cron, settings) for cron in settings.cron_jobs),
    ]


def _own(module: ModuleType, listed: Sequence[Handler], reserved: Sequence[Any]) -> list[Handler]:
    """A module's functions with @job; if none is decorated or listed, all that take ctx."""
    values = [
        value for value in vars(module).values() if getattr(value, "__module__", None) == module.__name__
    ]
    decorated = [value for value in values if options_of(value) is not None]
    if decorated:
        functions = {handler.function for handler in listed}
        return [handler_of(value) for value in decorated if value not in functions]
    if any(not handler.name.startswith("cron:") for handler in listed):
        return []
    return [handler_of(value) for value in values if _has_ctx(value) and value not in reserved]


def _has_ctx(value: Any) -> bool:
    if not inspect.isfunction(value) or value.__name__.startswith("_"):
        return False
    return next(iter(inspect.signature(value).parameters), "") == "ctx"


def _advice(modules: Sequence[ModuleType]) -> str:
    """What to change in modules without handlers."""
    plain = [
        f"{value.__name__} ({place_of(value)})"
        for module in modules
        for value in vars(module).values()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and value.__name__[0] != "_"
    ]
    found = f"; it has {', '.join(plain[:3])}" if plain else ""
    return f": decorate a function with @job, or make ctx its first parameter{found}"


def _where(handler: Handler) -> str:
    return f"{handler.module}.{getattr(handler.function, '__qualname__', handler.name)}"
