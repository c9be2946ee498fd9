"""Which module has which client command: only the one that is typed is imported."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer

JOBS, GROUPS, OPERATE, MEASURE = "Jobs", "Flows and fan-outs", "Operate", "Measure"


@dataclass(frozen=True, slots=True)
class Entry:
    """A command, or a group of commands, by its module and the name there."""

    name: str
    module: str
    member: str
    panel: str
    #: Of a group: what its commands are about.
    help: str | None = None

    def add_to(self, app: typer.Typer) -> None:
        found: Any = getattr(import_module(f"service.commands.{self.module}"), self.member)
        if self.help is None:
            app.command(self.name, rich_help_panel=self.panel)(found)
        else:
            app.add_typer(found, name=self.name, help=self.help, rich_help_panel=self.panel)


ENTRIES = (
    Entry("submit", "jobs.submission", "submit", JOBS),
    Entry("list", "jobs.listing", "list_jobs", JOBS),
    Entry("get", "jobs.inspection", "get", JOBS),
    Entry("tail", "jobs.tailing", "tail", JOBS),
    Entry("logs", "jobs.inspection", "logs", JOBS),
    Entry("cancel", "jobs.actions", "cancel", JOBS),
    Entry("retry", "jobs.actions", "retry", JOBS),
    Entry("run-now", "jobs.actions", "run_now", JOBS),
    Entry("delete", "jobs.actions", "delete", JOBS),
    Entry("flow", "groups.submission", "flow", GROUPS),
    Entry("flows", "groups.flows", "app", GROUPS, "Flows."),
    Entry("graph", "groups.flows", "graph", GROUPS),
    Entry("fan-out", "groups.submission", "fan_out", GROUPS),
    Entry("fan-outs", "groups.fan_outs", "app", GROUPS, "Fan-outs."),
    Entry("queues", "operations.queues", "app", OPERATE, "Queues; without a command, lists them."),
    Entry("workers", "operations.workers", "app", OPERATE, "Workers; without a command, lists them."),
    Entry("job-types", "operations.job_types", "app", OPERATE, "Job types; without a command, lists them."),
    Entry("schedules", "operations.schedules", "app", OPERATE, "Schedules; without a command, lists them."),
    Entry("dlq", "operations.dead_letters", "app", OPERATE, "The dead-letter queue."),
    Entry("bulk", "operations.bulk_actions", "app", OPERATE, "Actions on every job that matches."),
    Entry("webhooks", "access.webhooks", "app", OPERATE, "Webhooks; without a command, lists them."),
    Entry("audit", "operations.audit", "audit", OPERATE),
    Entry("keys", "access.keys", "app", OPERATE, "API keys."),
    Entry("namespaces", "namespaces", "app", OPERATE, "Namespaces and their quotas."),
    Entry("top", "top.command", "top", MEASURE),
    Entry("bench", "bench.command", "bench", MEASURE),
)
