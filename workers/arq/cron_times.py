"""Computes the fire times of arq's cron jobs."""

from datetime import datetime, timedelta, tzinfo

from arq.cron import CronJob, next_cron


def next_firing(cron: CronJob, zone: tzinfo, after_ms: int) -> int:
    """The cron job's first fire time after `after_ms`, in unix ms."""
    # arq starts a second later. When clocks go back, a repeated local time may be before `after_ms`.
    at = datetime.fromtimestamp(after_ms / 1000, zone) - timedelta(seconds=1)
    while True:
        at = next_cron(
            at,
            month=cron.month,
            day=cron.day,
            weekday=cron.weekday,
            hour=cron.hour,
            minute=cron.minute,
            second=cron.second,
            microsecond=cron.microsecond,
        )
        if (ms := round(at.timestamp() * 1000)) > after_ms:
            return ms
