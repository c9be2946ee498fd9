"""Alerts, reports and synchronisation: the three urgencies of the README's tour."""

from typing import Any

from workers.handler import job


@job(name="send-alert", queue="critical")
async def send_alert(ctx: Any, user_id: str, message: str = "") -> dict[str, str]:
    """Stands for a message that must go out first."""
    return {"alerted": user_id}


@job(name="send-report")
async def send_report(ctx: Any, user_id: str) -> dict[str, str]:
    """Stands for everyday work."""
    return {"reported": user_id}


@job(name="sync-data", queue="bulk")
async def sync_data(ctx: Any, source: str = "crm", pages: int = 1) -> dict[str, int]:
    """Stands for work that can wait; it shows its progress page by page."""
    for page in range(1, pages + 1):
        await ctx.progress(page, pages, f"{source}: page {page}")
    return {"pages": pages}
