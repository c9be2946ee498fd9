"""Namespaces in which nothing happens cost an API process little, and rest until something may happen."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.api import background
from service.api.context import AppState, NamespaceState
from service.api.duties import AWAKE, JITTER, REST
from service.domain.errors import BackendUnavailable
from service.store.namespace import Namespace
from tests.api.client import Api
from tests.store import schedules
from tests.support.factories import OK, claim, finish, register_worker, submit
from tests.support.manual_clock import ManualClock
from tests.support.sent_commands import sent_commands

pytestmark = pytest.mark.anyio

START_MS = 1_800_000_000_000


class Minutes:
    """Runs the duties of an API process second by second, without waiting."""

    def __init__(self, app_state: AppState, clock: ManualClock, names: list[str]) -> None:
        self.app_state, self.clock = app_state, clock
        self.states: dict[str, NamespaceState] = {}
        self._seconds = 0
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        self.states[name] = self.app_state.namespace_state(name)
        self._tell_time()

    def store(self, name: str) -> Namespace:
        return self.states[name].namespace

    async def pass_(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self._seconds += 1
            self.clock.advance(1)
            self._tell_time()
            for state in self.states.values():
                await self._work(state)

    async def _work(self, state: NamespaceState) -> None:
        await background.send_heartbeat(self.app_state, state)
        await background.work_on_groups(state)
        await background.work_on_bulk_actions(state)
        if self._seconds % background.FORGET == 0:
            await background.forget_groups(state)
        if self._seconds % background.STATS == 0:
            await background.store_stats(self.app_state, state)

    def _tell_time(self) -> None:
        for state in self.states.values():
            state.namespace.scripts.now = str(START_MS + 1000 * self._seconds)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def resting(store: Namespace, namespace: str, clock: ManualClock) -> AsyncIterator[Minutes]:
    """Twenty namespaces that have run a job, and whose clients have sent no request for a while."""
    api = Api(store.scripts.redis, namespace, clock)
    names = [f"{namespace}-{number}" for number in range(20)]
    minutes = Minutes(api.app.state.app_state, clock, names)
    for name in names:
        other = minutes.store(name)
        await register_worker(other)
        await submit(other)
        await finish(other, (await claim(other)).leases[0], OK)
    await minutes.pass_(AWAKE + 70)
    yield minutes
    await api.close()


async def test_a_namespace_costs_less_than_a_tenth_of_a_command_per_second(
    resting: Minutes, store: Namespace
) -> None:
    seconds, count = 180, len(resting.states)
    async with sent_commands(store.scripts.redis) as sent:
        await resting.pass_(seconds)
    assert len(sent) / seconds / count < 0.1
    # Another process' namespace is noticed all the same.
    assert sum("api_heartbeat" in command for command in sent) >= seconds / REST * count


def beats(sent: list[str], store: Namespace) -> int:
    return sum("api_heartbeat" in command and store.scripts.prefix in command for command in sent)


async def heartbeats(minutes: Minutes, name: str, seconds: int, redis: Any) -> int:
    async with sent_commands(redis) as sent:
        await minutes.pass_(seconds)
    return beats(sent, minutes.store(name))


async def test_a_request_ends_the_rest(resting: Minutes, store: Namespace) -> None:
    name = next(iter(resting.states))
    resting.app_state.namespace_state(name)
    assert await heartbeats(resting, name, 10, store.scripts.redis) == 10


async def test_a_namespace_does_not_rest_while_something_happens(resting: Minutes, store: Namespace) -> None:
    queued, running, done = list(resting.states)[:3]
    for name in (queued, running, done):
        await submit(resting.store(name))
    for name in (running, done):
        leases = (await claim(resting.store(name))).leases
        if name == done:
            await finish(resting.store(name), leases[0], OK)
    await resting.pass_(REST)
    counts = [await heartbeats(resting, name, 10, store.scripts.redis) for name in (queued, running, done)]
    assert counts[:2] == [10, 10]
    assert counts[2] <= 1
    # The heartbeat wakes a worker again for a job that no worker has claimed.
    wake = f"{resting.store(queued).scripts.prefix}wake:*"
    assert len(await store.scripts.redis.keys(wake)) == 1


async def test_a_rest_ends_when_a_job_is_due_or_a_schedule_fires(resting: Minutes, store: Namespace) -> None:
    delayed, scheduled = list(resting.states)[:2]
    await submit(resting.store(delayed), delay_ms=300_000)
    fires_at = int(resting.store(scheduled).scripts.now) + 300_000
    await schedules.put(resting.store(scheduled), every_ms=3_600_000, start_ms=fires_at)
    # A process notices changes of others after a rest.
    await resting.pass_(REST)
    async with sent_commands(store.scripts.redis) as sent:
        await resting.pass_(270 - REST)
    for name in (delayed, scheduled):
        assert beats(sent, resting.store(name)) <= 1 + (270 - REST) / REST / (1 - JITTER)
    await resting.pass_(31)
    for name in (delayed, scheduled):
        assert await heartbeats(resting, name, 5, store.scripts.redis) == 5


async def test_the_namespace_of_the_process_does_not_rest(
    resting: Minutes, store: Namespace, namespace: str
) -> None:
    """Clients may submit there without an API, and then no other process wakes a second worker."""
    resting.add(namespace)
    await resting.pass_(2 * AWAKE)
    assert await heartbeats(resting, namespace, 10, store.scripts.redis) == 10


async def test_a_failed_heartbeat_is_repeated_soon(resting: Minutes, monkeypatch: pytest.MonkeyPatch) -> None:
    state = next(iter(resting.states.values()))
    asked = 0

    async def fails(self: Namespace, *_: Any) -> Any:
        nonlocal asked
        asked += 1
        raise BackendUnavailable()

    monkeypatch.setattr(Namespace, "api_heartbeat", fails)
    resting.clock.advance(REST)
    for count in (1, 2, 3):
        with pytest.raises(BackendUnavailable):
            await background.send_heartbeat(resting.app_state, state)
        assert asked == count
