"""`arq workers.main.WorkerSettings` and `triage worker` start here."""

import asyncio
import sys

import arq.worker

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


class ProcessWorker(TriageWorker):
    """A worker that is its process, and so decides where logs and spans go."""

    def run(self) -> None:
        configure_logs(self.settings.log_level, self.settings.log_format)
        warn_of_ignored_variables()
        configure_tracing("triage-worker")
        super().run()


# arq's CLI always builds `arq.worker.Worker`; there is no other way to hand it a subclass.
arq.worker.Worker = ProcessWorker  # type: ignore[misc]
command.install()


class WorkerSettings:
    """For arq's CLI. Everything else comes from TRIAGE_* variables, as for `triage worker`.

    A subclass may have arq's options, which then are those of a WorkerSettings in a module of handlers.
    """

    functions = ()


def main() -> None:
    """Run one worker; exit 78 when the configuration is not valid."""
    try:
        settings = load_settings()
        if settings.redis_url:
            # What may pass, the worker waits for and says itself.
            asyncio.run(check_server(settings.redis_url, patient=True))
        worker = ProcessWorker(settings=settings)
    except ConfigurationInvalid as error:
        sys.stderr.write(f"triage: {error.message}\n")
        raise SystemExit(EXIT_CONFIGURATION) from error
    worker.run()


if __name__ == "__main__":
    main()
