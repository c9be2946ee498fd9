"""`arq workers.main.WorkerSettings` and `triage worker` start here."""

import asyncio
import sys

import arq.worker
import structlog

from workers import own_service as own_service  # Before anything imports `service`.

# isort: split
from service.domain.errors import ConfigurationInvalid
from service.settings import load_settings, warn_of_ignored_variables
from service.store.redis.server_check import check_server
from service.telemetry.logs import configure_logs
from service.telemetry.tracer import configure_tracing
from workers.arq import command
from workers.worker import TriageWorker

EXIT_CONFIGURATION = 78

log = structlog.get_logger("triage.worker")


class ProcessWorker(TriageWorker):
    """A worker that has the process to itself, and so configures logs and spans."""

    def run(self) -> None:
        configure_logs(self.settings.log_level, self.settings.log_format)
        warn_of_ignored_variables()
        if "handlers" not in self.settings.model_fields_set:
            handlers = self.settings.handlers
            log.warning("sample_handlers_loaded", handlers=handlers, reason="TRIAGE_HANDLERS is not set")
        configure_tracing("triage-worker")
        super().run()


# arq's CLI always builds `arq.worker.Worker`; there is no other way to hand it a subclass.
arq.worker.Worker = ProcessWorker  # type: ignore[misc]
command.install()


class WorkerSettings:
    """For arq's CLI. Everything else comes from TRIAGE_* variables, as with `triage worker`.

    A subclass may have arq's options, which then are those of a WorkerSettings in a module of handlers.
    """

    functions = ()


def main() -> None:
    """Run one worker; exit with 78 if the configuration is invalid."""
    try:
        settings = load_settings()
        if settings.redis_url:
            # The worker itself waits for temporary problems to pass, and logs them.
            asyncio.run(check_server(settings.redis_url, patient=True))
        worker = ProcessWorker(settings=settings)
    except ConfigurationInvalid as error:
        sys.stderr.write(f"triage: {error.message}\n")
        raise SystemExit(EXIT_CONFIGURATION) from error
    worker.run()


if __name__ == "__main__":
    main()
