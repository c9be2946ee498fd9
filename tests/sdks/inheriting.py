"""A job type with an unusual value for everything that a job can inherit."""

from typing import Any

from workers.handler import job


@job(
    name="inheriting",
    queue="of-the-type",
    priority=7,
    retry={"max_attempts": 5, "delay_seconds": 9},
    timeout_seconds=70,
    expires_seconds=500,
    deadline_seconds=600,
    retention_seconds=3600,
)
async def inheriting(ctx: Any) -> None:
    """Does nothing."""
