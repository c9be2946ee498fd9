"""Sample handlers of three priorities: alerts, reports and synchronization."""

from triage import Context, job


@job(name="send-alert", queue="critical")
async def send_alert(ctx: Context, user_id: str, message: str = "") -> dict[str, str]:
    """A message that must be sent first."""
    return {"alerted": user_id}


@job(name="send-report")
async def send_report(ctx: Context, user_id: str) -> dict[str, str]:
    """Everyday work."""
    return {"reported": user_id}


@job(name="sync-data", queue="bulk")
async def sync_data(ctx: Context, source: str = "crm", pages: int = 1) -> dict[str, int]:
    """Work that can wait, and reports its progress after each page."""
    for page in range(1, pages + 1):
        await ctx.progress(page, pages, f"{source}: page {page}")
    return {"pages": pages}
