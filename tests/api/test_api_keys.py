"""API keys as a resource: secrets, what a key may grant, expiry, rotation and last use."""

import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.api.auth.credentials import CACHE_SECONDS, NOTE_USE_SECONDS, SCOPES
from service.api.auth.key_issuing import KeyIssuer, KeySpec
from service.api.responses import rendering
from service.domain import access_key
from service.domain.errors import QuotaExceeded
from service.domain.ids import IdFactory
from service.store.namespace import Namespace
from service.store.tenants import access_keys
from service.store.tenants.access_keys import AccessKeys
from tests.api.client import Api, problem
from tests.api.keys import authorization
from tests.support.manual_clock import ManualClock

ADMIN = ("keys:admin", "jobs:read", "jobs:write")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def guarded(store: Namespace, clock: ManualClock) -> AsyncIterator[Api]:
    api = Api(store.scripts.redis, store.scripts.namespace, clock, auth="required")
    yield api
    await api.close()


@pytest.fixture
async def admin(store: Namespace) -> dict[str, str]:
    return await authorization(store.scripts.redis, store.scripts.namespace, ADMIN)


async def create(api: Api, headers: dict[str, str], **fields: Any) -> dict[str, Any]:
    body = {"name": "shop", "scopes": ["jobs:read"], **fields}
    response = await api.http.post("/v1/api-keys", json=body, headers=headers)
    assert response.status_code == 201, response.text
    return response.json()


def bearer(created: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {created['key']}"}


async def works(api: Api, headers: dict[str, str]) -> bool:
    return (await api.http.get("/v1/jobs", headers=headers)).status_code == 200


async def test_the_secret_is_in_the_response_to_its_creation_only(
    guarded: Api, admin: dict[str, str], store: Namespace
) -> None:
    created = await create(guarded, admin, queues=["b", "a"])
    assert await works(guarded, bearer(created))
    assert (created["namespace"], created["queues"]) == (store.scripts.namespace, ["a", "b"])
    for path in ("/v1/api-keys", f"/v1/api-keys/{created['id']}"):
        assert created["key"] not in (await guarded.http.get(path, headers=admin)).text
    shown = (await guarded.http.get(f"/v1/api-keys/{created['id']}", headers=admin)).json()
    del created["key"]
    assert shown == {**created, "last_used_at": shown["last_used_at"]}


async def test_a_key_grants_no_more_than_it_has(guarded: Api, store: Namespace, clock: ManualClock) -> None:
    redis, namespace = store.scripts.redis, store.scripts.namespace
    hour = clock.now_ms() + 3_600_000
    callers: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        ({}, {"scopes": ["jobs:write"]}, "scope_missing"),
        ({}, {"scopes": ["namespaces:admin"]}, "scope_missing"),
        ({"queues": {"a"}}, {}, "key_restricted"),
        ({"queues": {"a"}}, {"queues": ["a", "b"]}, "key_restricted"),
        ({"queues": {"a"}}, {"names": ["work"]}, "key_restricted"),
        ({"names": {"work"}}, {"queues": ["a"]}, "key_restricted"),
        ({"expires_at": hour}, {}, "key_restricted"),
        ({"expires_at": hour}, {"expires_at": "2999-01-01T00:00:00Z"}, "key_restricted"),
    ]
    for has, asks, code in callers:
        headers = await authorization(redis, namespace, ["keys:admin", "jobs:read"], **has)
        body = {"name": "more", "scopes": ["jobs:read"], **asks}
        response = await guarded.http.post("/v1/api-keys", json=body, headers=headers)
        problem(response, 403, code)
    keys, _ = await AccessKeys(redis).page(namespace, 200, None)
    assert {key.name for key in keys} == {"test"}
    restricted = await authorization(redis, namespace, ["keys:admin", "jobs:read"], queues={"a"})
    assert (await create(guarded, restricted, queues=["a"], names=["work"]))["names"] == ["work"]


async def test_a_key_does_not_take_over_a_stronger_one(guarded: Api, store: Namespace) -> None:
    redis, namespace = store.scripts.redis, store.scripts.namespace
    strong = await create(guarded, await authorization(redis, namespace), scopes=["jobs:write"])
    weak = await authorization(redis, namespace, ["keys:admin", "jobs:read"])
    path = f"/v1/api-keys/{strong['id']}"
    problem(await guarded.http.post(f"{path}/rotate", headers=weak), 403, "scope_missing")
    # Revoking takes rights away and grants none.
    assert (await guarded.http.delete(path, headers=weak)).status_code == 204


async def test_keys_of_another_namespace_do_not_exist(guarded: Api, store: Namespace) -> None:
    redis, namespace = store.scripts.redis, store.scripts.namespace
    mine = await authorization(redis, namespace)
    theirs = await authorization(redis, f"{namespace}-other")
    created = await create(guarded, mine)
    path = f"/v1/api-keys/{created['id']}"
    for method, address in (("GET", path), ("DELETE", path), ("POST", f"{path}/rotate")):
        problem(await guarded.http.request(method, address, headers=theirs), 404, "not_found")
    listed = (await guarded.http.get("/v1/api-keys", headers=theirs)).json()["items"]
    assert {key["namespace"] for key in listed} == {f"{namespace}-other"}
    assert await works(guarded, bearer(created))


@pytest.mark.parametrize("overlap", [0, 60])
async def test_rotation_with_and_without_an_overlap(
    guarded: Api, admin: dict[str, str], clock: ManualClock, store: Namespace, overlap: int
) -> None:
    first = await create(guarded, admin, names=["work"])
    path = f"/v1/api-keys/{first['id']}/rotate"
    response = await guarded.http.post(path, json={"overlap_seconds": overlap}, headers=admin)
    second = response.json()
    assert (second["id"], second["names"], second["version"]) == (first["id"], ["work"], 2)
    assert (second["previous_expires_at"] is None) == (overlap == 0)
    assert await works(guarded, bearer(second))
    assert await works(guarded, bearer(first)) == (overlap > 0)
    # A third secret ends the first one at once; then revoking ends both that are left.
    third = (await guarded.http.post(path, json={"overlap_seconds": 60}, headers=admin)).json()
    clock.advance(CACHE_SECONDS)
    assert not await works(guarded, bearer(first))
    assert await works(guarded, bearer(second))
    clock.advance(61)
    assert not await works(guarded, bearer(second))
    await guarded.http.delete(f"/v1/api-keys/{first['id']}", headers=admin)
    clock.advance(CACHE_SECONDS)
    assert not await works(guarded, bearer(third))
    assert await AccessKeys(store.scripts.redis).get(first["id"]) is None


async def test_revoking_ends_a_secret_that_overlaps(
    guarded: Api, admin: dict[str, str], clock: ManualClock
) -> None:
    first = await create(guarded, admin)
    path = f"/v1/api-keys/{first['id']}"
    await guarded.http.post(f"{path}/rotate", json={"overlap_seconds": 60}, headers=admin)
    assert await works(guarded, bearer(first))
    assert (await guarded.http.delete(path, headers=admin)).status_code == 204
    clock.advance(CACHE_SECONDS)
    assert not await works(guarded, bearer(first))


async def test_a_key_expires_even_while_it_is_cached(
    guarded: Api, admin: dict[str, str], clock: ManualClock
) -> None:
    iso = rendering.time(clock.now_ms() + 1_000)
    created = await create(guarded, admin, expires_at=iso)
    assert await works(guarded, bearer(created))
    clock.advance(1.0)
    response = await guarded.http.get("/v1/jobs", headers=bearer(created))
    assert problem(response, 401, "unauthenticated")["detail"] == "The API key has expired."
    body = {"name": "late", "scopes": ["jobs:read"], "expires_at": iso}
    past = await guarded.http.post("/v1/api-keys", json=body, headers=admin)
    assert problem(past, 422, "validation_failed")["errors"][0]["pointer"] == "/expires_at"


async def test_the_last_use_is_recorded_once_a_minute(
    guarded: Api, admin: dict[str, str], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    created, noted = await create(guarded, admin), list[int]()
    note = AccessKeys.note_used

    async def count(self: AccessKeys, id: str, at: int) -> None:
        noted.append(at)
        await note(self, id, at)

    monkeypatch.setattr(AccessKeys, "note_used", count)
    for seconds in (0, CACHE_SECONDS, NOTE_USE_SECONDS, 0):
        clock.advance(seconds)
        assert await works(guarded, bearer(created))
    assert len(noted) == 2
    shown = (await guarded.http.get(f"/v1/api-keys/{created['id']}", headers=admin)).json()
    assert shown["last_used_at"] is not None


async def test_a_namespace_has_a_limited_number_of_keys(
    store: Namespace, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_keys, "MAX_KEYS", 2)
    assert access_key.MAX_KEYS == 1_000
    issuer = KeyIssuer(AccessKeys(store.scripts.redis), clock, IdFactory(clock.now_ms, os.urandom))
    spec = KeySpec("one", store.scripts.namespace, SCOPES)
    created = [(await issuer.create(spec)).key for _ in range(2)]
    with pytest.raises(QuotaExceeded, match="api_keys"):
        await issuer.create(spec)
    await issuer.revoke(created[0].id)
    await issuer.create(spec)


async def test_keys_are_listed_in_pages(guarded: Api, admin: dict[str, str]) -> None:
    names = [(await create(guarded, admin, name=f"k{number}"))["id"] for number in range(3)]
    first = (await guarded.http.get("/v1/api-keys?limit=2", headers=admin)).json()
    rest = await guarded.http.get(f"/v1/api-keys?cursor={first['next_cursor']}", headers=admin)
    listed = [key["id"] for key in (*first["items"], *rest.json()["items"])]
    assert listed[:3] == names[::-1]
