"""Namespaces come and go with the requests for them."""

from service.api.context import SPACE_SECONDS
from service.store.namespace import Stores
from tests.api.client import Api
from tests.support.manual_clock import ManualClock


async def test_a_namespace_is_forgotten_when_nobody_has_asked_for_it_or_waits(stores: Stores) -> None:
    clock = ManualClock()
    api = Api(stores.scripts.redis, stores.scripts.namespace, clock)
    backend = api.app.state.backend
    _, waited, _ = (backend.space(name) for name in (stores.scripts.namespace, "waited", "other"))
    clock.advance(SPACE_SECONDS)
    backend.leave_spaces()
    assert len(backend.spaces) == 3
    clock.advance(1)
    async with waited.stores.watches.watch("job_1"):
        backend.leave_spaces()
        assert list(backend.spaces) == [stores.scripts.namespace, "waited"]
    backend.leave_spaces()
    assert list(backend.spaces) == [stores.scripts.namespace]
    await waited.stores.watches.close()
    await api.close()
