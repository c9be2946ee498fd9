"""A namespace with something of everything, so that each structure has entries to damage."""

import os
from dataclasses import dataclass
from typing import Any

import orjson

from service.clock import Clock
from service.domain.bulk_action import BulkSpec
from service.domain.fan_out import MEMBERS, FanOutSpec, Item, follow_up_id, item_id
from service.domain.flow import FlowSpec, job_ids
from service.domain.ids import IdFactory
from service.domain.job_filter import JobFilter
from service.domain.job_spec import JobSpec, Unique
from service.domain.limits import KeyLimits
from service.domain.retry import RetryPolicy
from service.domain.states import State
from service.domain.webhook import Secret
from service.store.jobs import Submission
from service.store.namespace import Namespace
from tests.store.groups import after
from tests.store.schedules import definition
from tests.support.factories import BROKEN, HOPELESS, OK, claim, finish, new_id
from tests.support.quota_invariants import set_quotas

IDS = IdFactory(Clock().now_ms, os.urandom)
QUICK = RetryPolicy(delay_ms=60_000, jitter=0)


@dataclass(frozen=True)
class Shop:
    """The namespace, and the ids of its jobs and groups by what they are."""

    store: Namespace
    ids: dict[str, str]

    @property
    def redis(self) -> Any:
        return self.store.scripts.redis

    def key(self, pattern: str) -> str:
        """A key in which names in braces stand for ids."""
        return self.store.scripts.prefix + self.name(pattern)

    def name(self, pattern: str) -> str:
        return pattern.format(**self.ids)


def _spec(name: str = "work", **fields: Any) -> JobSpec:
    given: dict[str, Any] = {"retry": QUICK, **fields}
    return JobSpec(name, **given)


#: Jobs that end as they are named after one claim of their queue.
_CLAIMED = {
    "succeeded": (_spec(queue="ends"), OK),
    "dead": (_spec(queue="ends", retention_ms=3_600_000, tags={"shop": "a"}), HOPELESS),
    "retrying": (_spec(queue="ends", limit_key="a"), BROKEN),
    "running": (_spec(queue="ends", limit_key="a"), None),
    "stopping": (_spec(queue="ends", limit_key="b"), None),
    "held": (_spec(queue="ends", unique=Unique("h", "finished", "replace")), None),
}
_WAITING = {
    "queued": _spec(tags={"shop": "a"}, payload=b'{"text":"' + b"x" * 100 + b'"}'),
    "keyed": _spec(limit_key="a"),
    "closed": _spec(queue="ends", limit_key="a"),
    "paused": _spec(queue="paused"),
    "scheduled": _spec(delay_ms=600_000),
    "expiring": _spec(expires_ms=600_000),
    "unique": _spec(unique=Unique("u", "finished", "return_existing")),
    "follower": _spec(queue="ends", unique=Unique("h", "finished", "replace")),
    "cancelled": _spec(),
}


async def open_shop(store: Namespace) -> Shop:
    """Quotas count from the beginning."""
    await set_quotas(store)
    ids: dict[str, str] = {}
    await store.queues.configure("ends", {"per_key": KeyLimits(max_concurrency=1)})
    await store.queues.configure("paused", {"paused": True})
    ids["webhook"] = (
        await store.webhooks.create(
            IDS.new("wh"),
            "https://shop.example/",
            ("job.dead",),
            "",
            Secret("whsec_c2VjcmV0LW9mLXRoZS10ZXN0cw=="),
        )
    ).id
    await _submit(store, ids, {name: spec for name, (spec, _) in _CLAIMED.items()})
    leases = {lease.job.id: lease for lease in (await claim(store, 20, queues={"ends": 1})).leases}
    for name, (_, outcome) in _CLAIMED.items():
        if outcome is not None:
            assert await finish(store, leases[ids[name]], outcome) == "moved"
    await store.jobs.cancel([ids["stopping"]], 600_000)
    await _submit(store, ids, _WAITING)
    await store.jobs.cancel([ids["cancelled"]], 0)
    await _add_groups(store, ids)
    before, now = await store.schedules.read("nightly")
    await store.schedules.put("nightly", definition(every_ms=3_600_000), False, before, now)
    action = BulkSpec("cancel", JobFilter(queue="none", state=State.QUEUED))
    ids["action"] = (await store.bulk_actions.create(IDS.new("act"), action, None)).action.id
    # A claim closes what its limits hold back, so that closed lanes and types exist.
    await claim(store, 1, queues={"ends": 1, "paused": 1})
    shop = Shop(store, ids)
    ids["cause"] = (await shop.redis.hget(shop.key("job:{dead}"), "fingerprint")).decode()
    return shop


async def _submit(store: Namespace, ids: dict[str, str], specs: dict[str, JobSpec]) -> None:
    results = await store.jobs.submit([Submission(new_id(), spec) for spec in specs.values()])
    ids |= {name: result.job_id for name, result in zip(specs, results, strict=True)}


async def _add_groups(store: Namespace, ids: dict[str, str]) -> None:
    spec = FlowSpec("flow", {"first": after(queue="groups"), "then": after("first", queue="groups")})
    ids["flow"] = IDS.new("flow", members=2)
    await store.flows.create(ids["flow"], spec, None)
    ids |= job_ids(ids["flow"], spec)
    ids["fan_out"] = fan_out = IDS.new("fan", members=MEMBERS)
    template = JobSpec("work", queue="items", payload=orjson.dumps({"common": "y" * 300}))
    of = FanOutSpec(template, JobSpec("report"), max_concurrency=2)
    await store.fan_outs.create(fan_out, of, 3, None)
    await store.fan_outs.add_items(fan_out, [Item(n, b'{"n":1}') for n in range(3)])
    await store.fan_outs.seal(fan_out, 3)
    ids |= {f"item{n}": item_id(fan_out, n) for n in range(3)} | {"report": follow_up_id(fan_out)}
    first, _ = (await claim(store, 2, queues={"items": 1})).leases
    assert await finish(store, first, OK) == "moved"
    ids["open"] = IDS.new("fan", members=MEMBERS)
    await store.fan_outs.create(ids["open"], FanOutSpec(JobSpec("work"), whole=False), 0, None)
    done = FlowSpec("done", {"only": after(queue="done")})
    ids["done"] = IDS.new("flow", members=1)
    await store.flows.create(ids["done"], done, None)
    ids["only"] = job_ids(ids["done"], done)["only"]
    assert await finish(store, (await claim(store, 1, queues={"done": 1})).leases[0], OK) == "moved"
