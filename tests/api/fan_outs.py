"""Creating, reading and running fan-outs as a client does."""

from typing import Any

import orjson

from service.store.namespace import Namespace
from tests.api.client import Api
from tests.support import factories

TEMPLATE = {"name": "work"}


async def create(api: Api, items: list[Any], **fields: Any) -> dict[str, Any]:
    response = await api.http.post("/v1/fan-outs", json={"template": TEMPLATE, "items": items, **fields})
    assert response.status_code == 202, response.text
    assert response.headers["location"] == f"/v1/fan-outs/{response.json()['id']}"
    return response.json()


async def add(api: Api, fan_out: dict[str, Any], start: int, items: list[Any]) -> Any:
    path = f"/v1/fan-outs/{fan_out['id']}/items"
    return await api.http.post(path, json={"start_index": start, "items": items})


async def seal(api: Api, fan_out: dict[str, Any], count: int) -> Any:
    return await api.http.post(f"/v1/fan-outs/{fan_out['id']}/seal", json={"expected_count": count})


async def get(api: Api, fan_out: dict[str, Any]) -> dict[str, Any]:
    return (await api.http.get(f"/v1/fan-outs/{fan_out['id']}")).json()


async def results(api: Api, fan_out: dict[str, Any], **params: Any) -> list[dict[str, Any]]:
    response = await api.http.get(f"/v1/fan-outs/{fan_out['id']}/results", params=params)
    assert response.headers["content-type"].startswith("application/x-ndjson")
    return [orjson.loads(line) for line in response.content.splitlines()]


async def run(store: Namespace, slots: int = 100, **outcomes: Any) -> int:
    """Claim and finish jobs; `fail` holds the payloads of the items that must fail."""
    leases = (await factories.claim(store, slots, **outcomes.pop("claim", {}))).leases
    for lease in leases:
        bad = lease.job.payload in outcomes.get("fail", ())
        await factories.finish(store, lease, factories.HOPELESS if bad else factories.OK)
    return len(leases)
