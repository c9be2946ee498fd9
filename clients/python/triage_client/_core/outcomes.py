"""What a finished job means for its caller."""

from typing import Any

from triage_client.errors import JobCancelled, JobDead
from triage_client.types import JobOut


def result_of(job: JobOut) -> Any:
    """The result of a succeeded job. Raises JobDead or JobCancelled."""
    if job["state"] == "succeeded":
        return job["result"]
    reason, error = job["state_reason"], job["error"]
    who = f"{job['name']} {job['id']}"
    if job["state"] == "dead":
        last = f": {error['type']}: {error['message']}" if error else ""
        raise JobDead(job["id"], reason, error, f"{who} is dead ({reason}){last}")
    message = job.get("cancel_message")
    text = f"{who} is cancelled ({reason}){f': {message}' if message else ''}"
    raise JobCancelled(job["id"], reason, error, text)
