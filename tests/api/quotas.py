"""Quotas of a test's namespace, requests that they limit, and refusals."""

import httpx

from service.domain.tenant import Policy, Usage
from service.store.namespace import Namespace
from service.store.tenants.tenants import Tenants
from tests.api.client import problem

TEN_YEARS = 315_360_000
JOB = {"name": "work", "delay_seconds": TEN_YEARS}
FLOW = {"name": "f", "jobs": {key: {"job": JOB} for key in "abc"}}
FAN_OUT = {"template": JOB, "items": [{}] * 3}
CANCEL = {"action": "cancel", "filter": {"queue": "none"}}


async def limit(store: Namespace, **quotas: int | None) -> None:
    tenants = Tenants(store.scripts.redis)
    before = await tenants.find(store.scripts.namespace)
    if before is None:
        await tenants.create(store.scripts.namespace, Policy(quotas), "")
    else:
        await tenants.change(before, Policy({**before.policy.quotas, **quotas}), "")


async def usage(store: Namespace) -> Usage:
    found = await Tenants(store.scripts.redis).usage(store.scripts.namespace)
    assert found is not None
    return found


def refused(response: httpx.Response, quota: str) -> None:
    document = problem(response, 429, "quota_exceeded")
    assert document["quota"] == quota
    assert document["retryable"]
    assert int(response.headers["retry-after"]) >= 1
