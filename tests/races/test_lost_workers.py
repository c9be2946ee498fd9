"""Workers that die: which job is to blame, and how rescue tells a death from an outage of Redis."""

import orjson
import pytest

from service.domain.outcome import FIRST_REST_MS, FREE_LOSSES, LONGEST_REST_MS, Crashed, Failure, rest_ms
from service.domain.states import State
from service.domain.worker import WorkerRecord
from service.store.leases import Rescue, heartbeat_arguments
from service.store.namespace import Namespace
from tests.support.factories import claim, finish, submit

pytestmark = pytest.mark.anyio

START = 1_900_000_000_000
LEASE = 15_000
#: How long rescue holds off when it cannot know whether there was an outage.
COME_BACK = 3_000
DEATH = Crashed(Failure("SubprocessDied", "The process that ran this job was killed by signal 9."))


class Place:
    """A namespace whose clock the test sets; a process reaches Redis during `go`, none during `silence`."""

    def __init__(self, store: Namespace) -> None:
        self.store = store
        self.now = START
        store.scripts.now = str(START)

    def silence(self, ms: int) -> None:
        self.now += ms
        self.store.scripts.now = str(self.now)

    async def go(self, ms: int) -> None:
        """Let time pass, while an API process reports to Redis every second."""
        end = self.now + ms
        while self.now < end:
            self.silence(min(1_000, end - self.now))
            await self.store.api_heartbeat(LEASE)

    async def rescue(self, away_ms: int = 0) -> Rescue:
        return await self.store.leases.rescue(LEASE, away_ms=away_ms)

    async def take(self, slots: int = 1) -> None:
        assert len((await claim(self.store, slots, lease_ms=LEASE)).leases) == slots

    async def lose(self, slots: int = 1) -> None:
        """A worker takes jobs and dies."""
        await self.take(slots)
        await self.go(LEASE)
        assert len((await self.rescue()).rescued) == slots

    async def renew(self, id: str, token: str, away_ms: int = 0) -> None:
        record = WorkerRecord("wk_1", "host", 1, "0", {"*": 1}, ("work",), "running", 1, 1, 0, 0)
        held = [(id, token)]
        await self.store.scripts.run(
            "heartbeat", heartbeat_arguments(record, LEASE, 1, "running", held, away_ms)
        )


@pytest.fixture
async def place(store: Namespace) -> Place:
    place = Place(store)
    await store.api_heartbeat(LEASE)
    return place


async def test_losing_the_worker_blames_no_job_however_often(place: Place) -> None:
    ids = [await submit(place.store) for _ in range(3)]
    for loss in range(1, 8):
        await place.lose(3)
        await place.go(rest_ms(loss))
    for job in await place.store.queries.jobs(ids):
        assert job is not None
        assert (job.state, job.crashes, job.failures) == (State.SCHEDULED, 0, 0)
    attempts = await place.store.queries.attempts(ids[0])
    assert {orjson.loads(attempt)["outcome"] for attempt in attempts} == {"lost"}


async def test_a_lost_job_is_a_suspect_and_keeps_its_place(place: Place) -> None:
    first = await submit(place.store)
    second = await submit(place.store)
    await place.lose()
    leases = (await claim(place.store, 2)).leases
    assert [(lease.job.id, lease.suspect) for lease in leases] == [(first, True), (second, False)]


async def test_the_third_death_of_its_own_process_is_poison_and_a_redrive_starts_at_zero(
    place: Place,
) -> None:
    id = await submit(place.store)
    for death in range(3):
        await place.lose()
        lease = (await claim(place.store)).leases[0]
        assert (lease.suspect, lease.job.crashes) == (True, death)
        assert await finish(place.store, lease, DEATH) == "moved"
    job = await place.store.queries.job(id)
    assert job is not None
    assert (job.state, job.state_reason, job.crashes, job.failures) == (State.DEAD, "poison", 3, 0)
    await place.store.jobs.redrive([id])
    lease = (await claim(place.store)).leases[0]
    assert (lease.suspect, lease.job.crashes) == (False, 0)


async def test_a_job_that_loses_worker_after_worker_waits_longer_each_time(place: Place) -> None:
    """It may be what kills its workers, so it stays away from them for a while."""
    id = await submit(place.store)
    for loss in range(1, FREE_LOSSES + 12):
        await place.lose()
        job = await place.store.queries.job(id)
        assert job is not None
        if loss <= FREE_LOSSES:
            assert job.state is State.QUEUED
            continue
        rest = min(FIRST_REST_MS * 2 ** (loss - FREE_LOSSES - 1), LONGEST_REST_MS)
        assert (job.state, job.run_at) == (State.SCHEDULED, place.now + rest)
        place.silence(rest)
        await place.store.api_heartbeat(LEASE)


async def test_a_redrive_forgets_the_losses(place: Place) -> None:
    id = await submit(place.store)
    for _ in range(FREE_LOSSES):
        await place.lose()
    await place.store.jobs.cancel([id], 0)
    await place.store.jobs.redrive([id])
    await place.lose()
    job = await place.store.queries.job(id)
    assert job is not None
    assert job.state is State.QUEUED


async def test_a_dead_worker_is_found_when_its_lease_ends(place: Place) -> None:
    id = await submit(place.store)
    await place.take()
    await place.go(LEASE - 1)
    assert (await place.rescue()).next_in_ms == 1
    place.silence(1)
    assert (await place.rescue()).rescued == [id]


async def test_a_crash_loop_of_the_only_process_rescues_its_jobs(place: Place) -> None:
    """Each restart follows a silence; leases held through an earlier one are not held again."""
    ids: list[str] = []
    rescued: list[str] = []
    for restart in range(12):
        place.silence(10_000)
        rescued += (await place.rescue()).rescued
        ids.append(await submit(place.store, priority=100 - restart))
        await place.take()
    # Two restarts fit into a lease, and one of them holds; older leases have been rescued.
    assert set(rescued) >= set(ids[:-3])


async def test_a_lone_worker_that_comes_back_waits_only_for_others_to_come_back(place: Place) -> None:
    id = await submit(place.store)
    await place.take()
    place.silence(LEASE)
    found = await place.rescue()
    assert (found.rescued, found.next_in_ms, found.lost_lately) == ([], COME_BACK, True)
    place.silence(COME_BACK)
    assert (await place.rescue()).rescued == [id]


async def test_a_process_that_lived_through_an_outage_holds_all_leases_once_more(place: Place) -> None:
    await submit(place.store)
    await submit(place.store)
    await place.take(2)
    place.silence(60_000)
    found = await place.rescue(away_ms=60_000)
    assert (found.rescued, found.next_in_ms) == ([], LEASE)
    await place.go(LEASE - 1)
    assert (await place.rescue()).rescued == []
    await place.go(1)
    assert len((await place.rescue()).rescued) == 2


@pytest.mark.parametrize("who", ["worker", "api"])
async def test_a_survivor_may_come_back_after_a_worker_that_has_just_started(place: Place, who: str) -> None:
    await submit(place.store)
    survivor = await submit(place.store)
    leases = (await claim(place.store, 2, lease_ms=LEASE)).leases
    place.silence(60_000)
    assert (await place.rescue()).next_in_ms == COME_BACK
    place.silence(2_000)
    if who == "worker":
        await place.renew(survivor, leases[1].token, away_ms=62_000)
    else:
        await place.store.api_heartbeat(LEASE, away_ms=62_000)
    place.silence(COME_BACK)
    assert (await place.rescue()).rescued == []
    await place.go(LEASE - COME_BACK - 2_000)
    assert leases[0].job.id in (await place.rescue()).rescued


async def test_one_process_that_was_cut_off_alone_holds_nothing(place: Place) -> None:
    id = await submit(place.store)
    await place.take()
    await place.go(LEASE)
    assert (await place.rescue(away_ms=10_000)).rescued == [id]


async def test_a_worker_that_starts_after_a_loss_must_be_careful(place: Place) -> None:
    assert not (await place.rescue()).lost_lately
    await submit(place.store)
    await place.lose()
    assert (await place.rescue()).lost_lately
