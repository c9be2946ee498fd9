"""Namespace state is created when needed and dropped when idle."""

from service.api.context import NAMESPACE_SECONDS
from service.store.namespace import Namespace
from tests.api.client import Api
from tests.support.manual_clock import ManualClock


async def test_a_namespace_is_dropped_when_it_has_no_requests_and_no_waiters(store: Namespace) -> None:
    clock = ManualClock()
    api = Api(store.scripts.redis, store.scripts.namespace, clock)
    app_state = api.app.state.app_state
    _, waited, _ = (app_state.namespace_state(name) for name in (store.scripts.namespace, "waited", "other"))
    clock.advance(NAMESPACE_SECONDS)
    app_state.forget_idle_namespaces()
    assert len(app_state.namespace_states) == 3
    clock.advance(1)
    async with waited.namespace.change_feed.watch("job_1"):
        app_state.forget_idle_namespaces()
        assert list(app_state.namespace_states) == [store.scripts.namespace, "waited"]
    app_state.forget_idle_namespaces()
    assert list(app_state.namespace_states) == [store.scripts.namespace]
    await waited.namespace.change_feed.close()
    await api.close()
