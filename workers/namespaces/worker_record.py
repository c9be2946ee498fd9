"""The record that a worker publishes in the registry of each of its namespaces."""

import os
import socket

from service.domain.worker import WorkerRecord
from service.settings import Settings
from service.version import VERSION
from workers.handling.registry import Registry


def describe_worker(settings: Settings, registry: Registry, id: str, now_ms: int) -> WorkerRecord:
    """The record of a worker that has just started. Each name of a handler is a job type."""
    return WorkerRecord(
        id=id,
        host=socket.gethostname(),
        pid=os.getpid(),
        version=VERSION,
        queues=settings.queue_weights,
        job_types=tuple(registry.by_name),
        state="running",
        running=0,
        capacity=settings.concurrency,
        started_at=now_ms,
        seen_at=now_ms,
        lease_ms=settings.lease_ms,
        subscribed=settings.namespace_weights.several,
    )
