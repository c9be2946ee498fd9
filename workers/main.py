"""The entry point of `arq workers.main.WorkerSettings` and `triage worker`."""

import asyncio

import arq.worker
import structlog

from workers import own_service as own_service  # Before anything imports `service`.

# isort: split
from service.exit_codes import reporting_configuration
from service.settings import load_settings, need_redis, warn_of_ignored_variables
from service.store.redis.server_check import check_server
from service.telemetry.logs import configure_logs
from service.telemetry.tracer import configure_tracing
from workers.arq import command
from workers.worker import TriageWorker

log = structlog.get_logger("triage.worker")


class ProcessWorker(TriageWorker):
    """A worker that owns its process, and so configures logs and tracing."""

    def run(self) -> None:
        configure_logs(self.settings.log_level, self.settings.log_format)
        warn_of_ignored_variables()
        if "handlers" not in self.settings.model_fields_set:
            handlers = self.settings.handlers
            log.warning("sample_handlers_loaded", handlers=handlers, reason="TRIAGE_HANDLERS is not set")
        configure_tracing("triage-worker")
        super().run()


# arq's CLI always builds `arq.worker.Worker`; this is the only way to give it a subclass.
arq.worker.Worker = ProcessWorker  # type: ignore[misc]
command.install()


class WorkerSettings:
    """For arq's CLI. Everything else comes from TRIAGE_* variables, as with `triage worker`.

    A subclass may have arq's options, with the same effect as in a WorkerSettings in a module of handlers.
    """

    functions = ()


def main() -> None:
    """Run one worker; exit with 78 if the configuration is invalid."""
    with reporting_configuration():
        settings = load_settings()
        need_redis(settings)
        configure_logs(settings.log_level, settings.log_format)
        # Temporary problems do not end up here: the worker logs them and waits.
        namespace = next(iter(settings.namespace_weights.names), "")
        asyncio.run(check_server(settings.redis_url, patient=True, namespace=namespace))
        worker = ProcessWorker(settings=settings)
        worker.run()


if __name__ == "__main__":
    main()
