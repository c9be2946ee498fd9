"""A job that limits hold back: the explanation names each limit while it applies, and when it opens."""

import pytest

from service.domain.fan_out import MEMBERS, FanOutSpec, Item
from service.domain.job_spec import JobSpec
from service.domain.limits import KeyLimits, KeyOverride, RateLimit
from service.domain.outcome import Throttled
from service.store.groups.fan_outs import follow_up_id
from service.store.namespace import Namespace
from tests.store.explaining import causes, codes, explained, later, member_ids
from tests.store.times import START
from tests.support.factories import IDS, OK, claim, finish, limit, submit

pytestmark = pytest.mark.anyio


async def test_the_concurrency_of_a_queue(served: Namespace) -> None:
    await limit(served, max_concurrency=1)
    first, second = await submit(served), await submit(served)
    assert await codes(served, first) == ["ready"]
    lease = (await claim(served)).leases[0]
    facts = {"queue": "default", "running": 1, "limit": 1}
    assert await causes(served, second) == {"queue_concurrency": facts}
    await finish(served, lease, OK)
    assert await codes(served, second) == ["ready"]


@pytest.mark.parametrize("smooth", [False, True])
async def test_the_rate_of_a_queue_says_when_it_opens(served: Namespace, smooth: bool) -> None:
    await limit(served, rate_limit=RateLimit(2, 1_000, smooth))
    ids = [await submit(served) for _ in range(4)]
    await claim(served, 2)
    if smooth:
        later(served, 500)
        await claim(served)
    opens = START + 1_000
    waiting = await explained(served, ids[2])
    facts = {"queue": "default", "limit": 2, "per_seconds": 1.0, "until": opens}
    assert [(cause.code, dict(cause.facts)) for cause in waiting.causes] == [("queue_rate", facts)]
    assert waiting.next_at == opens
    # When the next job starts is not known, because it depends on the one before.
    behind = await explained(served, ids[3])
    assert [cause.code for cause in behind.causes] == ["queue_rate", "jobs_ahead"]
    assert behind.next_at is None
    # A smooth rate hands out a job up to 5 ms before its start.
    later(served, 994 if smooth else 999)
    assert (await claim(served)).leases == []
    later(served, 1_000)
    assert await codes(served, ids[2]) == ["ready"]
    assert (await claim(served)).leases[0].job.id == ids[2]


async def test_limits_of_a_key_and_its_override(served: Namespace) -> None:
    per_key = KeyLimits(max_concurrency=1, rate_limit=RateLimit(1, 2_000))
    await limit(served, per_key=per_key, keys={"big": KeyOverride(max_concurrency=3)})
    for key in ("acme", "big"):
        for _ in range(3):
            await submit(served, limit_key=key)
    leases = (await claim(served, 6)).leases
    assert sorted(lease.job.limit_key or "" for lease in leases) == ["acme", "big"]
    small = await submit(served, limit_key="acme", priority=1)
    big = await submit(served, limit_key="big", priority=1)
    other = await submit(served, limit_key="other")
    whose = {"queue": "default", "limit_key": "acme"}
    rate = {"limit": 1, "per_seconds": 2.0, "until": START + 2_000}
    assert await causes(served, small) == {
        "key_concurrency": {**whose, "running": 1, "limit": 1},
        "key_rate": {**whose, **rate},
    }
    assert await causes(served, big) == {"key_rate": {**whose, "limit_key": "big", **rate}}
    assert await codes(served, other) == ["ready"]
    later(served, 2_000)
    assert await codes(served, small) == ["key_concurrency"]
    assert await codes(served, big) == ["ready"]


@pytest.mark.parametrize("key", [None, "acme"])
async def test_a_key_frozen_by_a_handler(served: Namespace, key: str | None) -> None:
    id = await submit(served, limit_key=key)
    lease = (await claim(served)).leases[0]
    await finish(served, lease, Throttled(5_000))
    found = await explained(served, id)
    whose = {"queue": "default", **({"name": "work"} if key is None else {"limit_key": key})}
    code = "type_frozen" if key is None else "key_frozen"
    assert await causes(served, id) == {code: {**whose, "until": START + 5_000}}
    assert found.next_at == START + 5_000
    later(served, 5_000)
    assert await codes(served, id) == ["ready"]


async def test_a_rate_that_opens_before_the_freeze_ends_does_not_hide_it(served: Namespace) -> None:
    await limit(served, rate_limit=RateLimit(1, 1_000))
    id = await submit(served)
    await finish(served, (await claim(served)).leases[0], Throttled(5_000))
    assert await codes(served, id) == ["queue_rate", "type_frozen"]
    assert (await explained(served, id)).next_at == START + 5_000
    later(served, 1_000)
    assert await codes(served, id) == ["type_frozen"]


async def test_the_limit_of_a_fan_out_and_its_follow_up(served: Namespace) -> None:
    id = IDS.new("fan", members=MEMBERS)
    spec = FanOutSpec(JobSpec("work"), whole=False, max_concurrency=1, then=JobSpec("work"))
    await served.fan_outs.create(id, spec, 0, None)
    await served.fan_outs.add_items(id, [Item(index, b"{}") for index in range(2)])
    lease = (await claim(served, 5)).leases[0]
    (waiting,) = [
        job.id for job in await served.queries.jobs(await member_ids(served)) if job and job.state == "queued"
    ]
    assert await causes(served, waiting) == {
        "fan_out_concurrency": {"fan_out_id": id, "running": 1, "limit": 1}
    }
    await finish(served, lease, OK)
    assert await codes(served, waiting) == ["ready"]
    assert await causes(served, follow_up_id(id)) == {
        "fan_out": {"total": 1, "waits_for": [{"id": id, "key": None, "state": "open"}]}
    }
