"""The store's explanations of why a job is where it is."""

from typing import Any

from service.api.schemas.explanations import ReasonOut
from service.domain.explanation import Explanation
from service.store.namespace import Namespace
from tests.store.times import START


def later(store: Namespace, ms: int) -> None:
    store.scripts.now = str(START + ms)


async def explained(store: Namespace, id: str) -> Explanation:
    found = await store.explanations.of(id)
    assert found is not None
    assert found[0].id == id
    for cause in found[1].causes:
        assert set(cause.facts) <= set(ReasonOut.model_fields), cause
    return found[1]


async def causes(store: Namespace, id: str) -> dict[str, dict[str, Any]]:
    """Facts by code."""
    return {cause.code: dict(cause.facts) for cause in (await explained(store, id)).causes}


async def codes(store: Namespace, id: str) -> list[str]:
    return [cause.code for cause in (await explained(store, id)).causes]


async def member_ids(store: Namespace) -> list[str]:
    queued = f"{store.scripts.prefix}queue:default|queued"
    found = (await store.queries.pipeline(lambda pipe: pipe.zrange(queued, 0, -1)))[0]
    return [id.decode() for id in found]
