"""A newsletter, written for arq. Triage runs it unmodified; nothing in this file refers to Triage."""

import logging
import os
from typing import cast

from arq import ArqRedis, Retry, cron, func
from arq.connections import RedisSettings

Ctx = dict[str, object]
log = logging.getLogger(__name__)


async def send_issue(ctx: Ctx, issue: int, subscribers: list[str]) -> int:
    """Send one mail per subscriber; the job id prevents sending an issue twice."""
    redis = cast(ArqRedis, ctx["redis"])
    jobs = [
        await redis.enqueue_job("send_mail", to, issue, _job_id=f"issue-{issue}:{to}") for to in subscribers
    ]
    return sum(job is not None for job in jobs)


async def send_mail(ctx: Ctx, to: str, issue: int) -> str:
    if to.endswith("@busy.example") and ctx["job_try"] == 1:
        raise Retry(defer=1)
    return f"issue {issue} from {ctx['sender']} to {to}"


async def remove_bounced(ctx: Ctx) -> str:
    return f"asked {ctx['sender']} for bounced mail"


async def startup(ctx: Ctx) -> None:
    ctx["sender"] = os.environ.get("NEWSLETTER_SENDER", "news@example.com")


async def shutdown(ctx: Ctx) -> None:
    log.info("%s has closed", ctx["sender"])


async def on_job_start(ctx: Ctx) -> None:
    log.info("attempt %s of %s", ctx["job_try"], ctx["job_id"])


class WorkerSettings:
    functions = [send_issue, func(send_mail, max_tries=3, keep_result=86_400)]
    cron_jobs = [cron(remove_bounced, hour=3, minute=30, run_at_startup=True, keep_result=3600)]
    on_startup = startup
    on_shutdown = shutdown
    on_job_start = on_job_start
    redis_settings = RedisSettings.from_dsn(os.environ.get("REDIS_DSN", "redis://localhost:6379"))
    job_timeout = 60
