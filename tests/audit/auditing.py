"""Running an audit in a test."""

from service.domain.audit import Report
from service.store.audit.audits import no_pause
from service.store.audit.cycle import Terms
from service.store.namespace import Namespace
from tests.audit.shop import IDS


async def audit(store: Namespace, *, repair: bool = True) -> Report:
    holder = IDS.new("au")
    assert await store.audits.claim(holder, 0, now=True) is None
    return await store.audits.run(holder, Terms(repair=repair), no_pause)


def kinds(report: Report) -> dict[str, set[str]]:
    """The kinds of the findings, by outcome."""
    found: dict[str, set[str]] = {}
    for kind, outcome in report.counts:
        found.setdefault(outcome, set()).add(kind)
    return found
