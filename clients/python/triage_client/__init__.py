"""Client of Triage, with the same shape for blocking code and for asyncio."""

from triage_client import problems, types
from triage_client._async.bulk_actions import AsyncBulkAction
from triage_client._async.client import AsyncTriage
from triage_client._async.groups import AsyncFanOut, AsyncFlow
from triage_client._async.jobs import AsyncDeadLetter, AsyncJob
from triage_client._async.operations import AsyncQueue, AsyncSchedule, AsyncWorker
from triage_client._async.tenants.handles import AsyncApiKey, AsyncNamespace
from triage_client._async.webhooks.handles import AsyncDelivery, AsyncWebhook
from triage_client._core.specs import AnyJob, Durability, JobSpec, job_spec
from triage_client._core.submissions import Submission
from triage_client._sync.bulk_actions import BulkAction
from triage_client._sync.client import Triage
from triage_client._sync.groups import FanOut, Flow
from triage_client._sync.jobs import DeadLetter, Job
from triage_client._sync.operations import Queue, Schedule, Worker
from triage_client._sync.tenants.handles import ApiKey, Namespace
from triage_client._sync.webhooks.handles import Delivery, Webhook
from triage_client.errors import (
    ApiError,
    ConfigurationError,
    ItemsRejected,
    JobCancelled,
    JobDead,
    JobNotSucceeded,
    NoResponse,
    NotLoaded,
    TriageError,
    UnexpectedResponse,
    WaitTimeout,
)
from triage_client.problems import *  # noqa: F403  # one class for each code

__all__ = [
    "AnyJob",
    "ApiError",
    "ApiKey",
    "AsyncApiKey",
    "AsyncBulkAction",
    "AsyncDeadLetter",
    "AsyncDelivery",
    "AsyncFanOut",
    "AsyncFlow",
    "AsyncJob",
    "AsyncNamespace",
    "AsyncQueue",
    "AsyncSchedule",
    "AsyncTriage",
    "AsyncWebhook",
    "AsyncWorker",
    "BulkAction",
    "ConfigurationError",
    "DeadLetter",
    "Delivery",
    "Durability",
    "FanOut",
    "Flow",
    "ItemsRejected",
    "Job",
    "JobCancelled",
    "JobDead",
    "JobNotSucceeded",
    "JobSpec",
    "Namespace",
    "NoResponse",
    "NotLoaded",
    "Queue",
    "Schedule",
    "Submission",
    "Triage",
    "TriageError",
    "UnexpectedResponse",
    "WaitTimeout",
    "Webhook",
    "Worker",
    "job_spec",
    "problems",
    "types",
]
__all__ += problems.__all__
