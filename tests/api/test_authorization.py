"""Which credentials may call which operation, for every operation of the document."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest

from service.api.auth.credentials import SCOPES
from service.domain.catalogue import JobType
from service.domain.states import State
from service.store.namespace import Namespace
from service.store.queues.queues import QueueSettings
from service.store.tenants.access_keys import AccessKeys
from tests.api.bearers import bearer
from tests.api.client import Api, problem
from tests.api.document import ADDRESSED, GUARDED, OPERATIONS, Operation
from tests.api.issuer import claims, sign
from tests.api.keys import authorization
from tests.api.resources import make, unknown
from tests.support.factories import job_in, register_worker, submit

#: Operations on resources of one namespace. Operators see all namespaces.
OPERATORS = "namespaces:admin"
OWNED = [operation for operation in ADDRESSED if operation.scope != OPERATORS]
#: Lists of resources of one namespace, at the top of their paths.
LISTS = [
    operation
    for operation in GUARDED
    if operation.id.startswith("list_") and not operation.parameters("path") and operation.scope != OPERATORS
]
#: These operations create the resource that they name, in the caller's namespace.
CREATES = {"update_queue", "pause_queue", "resume_queue", "put_schedule"}


@pytest.fixture
async def guarded(store: Namespace) -> AsyncIterator[Api]:
    """The API as it runs in production: every caller needs a key."""
    api = Api(store.scripts.redis, store.scripts.namespace, auth="required")
    yield api
    await api.close()


async def send(
    api: Api, operation: Operation, headers: dict[str, str], values: dict[str, str] | None = None
) -> httpx.Response:
    body = None
    if operation.request is not None:
        document = operation.request["example"]
        if "confirm" in document:
            document = {**document, "confirm": (values or {}).get("name")}
        body = orjson.dumps(document)
        headers = {**headers, "Content-Type": "application/json"}
    address = operation.address(**(values or {}))
    return await api.http.request(operation.method, address, content=body, headers=headers)


def anonymous(response: httpx.Response, values: dict[str, str]) -> Any:
    """A problem document without the fields that differ between any two requests."""
    document = problem(response, 404, "not_found")
    for value in values.values():
        assert value not in document["detail"]
    return {key: value for key, value in document.items() if key not in ("instance", "request_id")}


@pytest.mark.parametrize("operation", OWNED, ids=lambda operation: operation.id)
async def test_resources_of_another_namespace_look_nonexistent(
    guarded: Api, store: Namespace, operation: Operation
) -> None:
    redis, namespace = store.scripts.redis, store.scripts.namespace
    owner, stranger = await authorization(redis, namespace), await authorization(redis, f"{namespace}-other")
    await check_isolation(guarded, store, operation, owner, stranger)


@pytest.mark.parametrize("operation", OWNED, ids=lambda operation: operation.id)
async def test_a_token_of_another_namespace_sees_nothing(
    token_api: Api, store: Namespace, operation: Operation
) -> None:
    scope = " ".join(SCOPES)
    namespaces = (store.scripts.namespace, f"{store.scripts.namespace}-other")
    owner, stranger = (bearer(sign(claims(name, scope=scope))) for name in namespaces)
    await check_isolation(token_api, store, operation, owner, stranger)


@pytest.mark.parametrize("operation", LISTS, ids=lambda operation: operation.id)
async def test_a_list_has_nothing_of_another_namespace(
    guarded: Api, store: Namespace, operation: Operation
) -> None:
    await make_of_each_kind(store)
    redis, namespace = store.scripts.redis, store.scripts.namespace
    stranger = await authorization(redis, f"{namespace}-other")
    response = await send(guarded, operation, stranger)
    assert response.status_code == 200
    # The stranger's own key is the only thing that exists in its namespace.
    rows = [row for row in response.json()["items"] if row["object"] != "api_key"]
    assert rows == []
    assert namespace not in response.text.replace(f"{namespace}-other", "")
    mine = await send(guarded, operation, await authorization(redis, namespace))
    # The history begins a minute after the first job, and no webhook was created.
    begins_empty = operation.id.endswith("_stats") or operation.id == "list_webhooks"
    assert begins_empty or mine.json()["items"] != []


async def test_metrics_and_waits_have_nothing_of_another_namespace(guarded: Api, store: Namespace) -> None:
    redis, namespace = store.scripts.redis, store.scripts.namespace
    id = await submit(store, queue="secret-queue")
    stranger = await authorization(redis, f"{namespace}-other")
    metrics = await guarded.http.get("/metrics", headers=stranger)
    assert (metrics.status_code, "secret-queue" in metrics.text) == (200, False)
    load = await guarded.http.get("/internal/autoscale?queue=secret-queue", headers=stranger)
    assert load.json()["queued"] == 0
    problem(await guarded.http.get(f"/v1/jobs/{id}?wait=0.1", headers=stranger), 404, "not_found")
    body = {"action": "cancel", "filter": {"queue": "secret-queue"}}
    assert (await guarded.http.post("/v1/bulk-actions", json=body, headers=stranger)).status_code == 202
    other = Namespace(redis, f"{namespace}-other", 1_000)
    while await other.bulk_batches.work() is not None:
        pass
    job = await store.queries.job(id)
    assert job is not None
    assert job.state == "queued"


async def make_of_each_kind(store: Namespace) -> None:
    """Something for every list: a resource for each operation that names one, and a dead job."""
    await job_in(store, State.DEAD)
    for id in ("get_job", "get_flow", "get_fan_out", "get_bulk_action", "get_schedule", "get_api_key"):
        await make(store, next(operation for operation in ADDRESSED if operation.id == id))
    await register_worker(store, [JobType("work")])


async def check_isolation(
    guarded: Api,
    store: Namespace,
    operation: Operation,
    owner: dict[str, str],
    stranger: dict[str, str],
) -> None:
    values = await make(store, operation)
    foreign = await send(guarded, operation, stranger, values)
    if operation.id in CREATES:
        assert foreign.status_code < 300
        queue = await store.queues.get("default")
        assert queue is None or queue.settings == QueueSettings()
    else:
        nothing = await send(guarded, operation, stranger, unknown(operation))
        assert anonymous(foreign, values) == anonymous(nothing, unknown(operation))
    # The other tenant's request had no effect: the owner's request still succeeds.
    response = await send(guarded, operation, owner, values)
    assert response.status_code < 300, response.text


@pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: operation.id)
async def test_an_operation_takes_its_scope_and_no_other(
    guarded: Api, store: Namespace, operation: Operation
) -> None:
    redis, namespace = store.scripts.redis, store.scripts.namespace
    assert operation.scope in SCOPES
    values = await make(store, operation) if operation.parameters("path") else {}
    others = await authorization(redis, namespace, set(SCOPES) - {operation.scope})
    refused = problem(await send(guarded, operation, others, values), 403, "scope_missing")
    assert refused["required_scope"] == operation.scope
    response = await send(
        guarded, operation, await authorization(redis, namespace, [operation.scope]), values
    )
    assert response.status_code < 300, response.text


@pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: operation.id)
async def test_no_request_succeeds_without_a_key(guarded: Api, operation: Operation) -> None:
    response = await send(guarded, operation, {})
    problem(response, 401, "unauthenticated")
    assert response.headers["www-authenticate"].startswith("Bearer")


def test_only_probes_are_open() -> None:
    assert {operation.path for operation in OPERATIONS if operation not in GUARDED} == {"/livez", "/readyz"}
    for operation in OPERATIONS:
        assert operation.declared["security"] == ([{"apiKey": []}] if operation in GUARDED else [])


async def test_payloads_are_hidden_from_a_key_without_their_scope(guarded: Api, store: Namespace) -> None:
    redis, namespace = store.scripts.redis, store.scripts.namespace
    everything = await authorization(redis, namespace)
    body = {"name": "work", "payload": {"card": "4111"}}
    job = (await guarded.http.post("/v1/jobs", json=body, headers=everything)).json()
    little = await authorization(redis, namespace, ["jobs:read", "jobs:write"])
    for path in (f"/v1/jobs/{job['id']}", "/v1/jobs", f"/v1/jobs/{job['id']}/attempts"):
        response = await guarded.http.get(path, headers=little)
        assert (response.status_code, "4111" in response.text) == (200, False), path
    cancelled = await guarded.http.post(f"/v1/jobs/{job['id']}/cancel", headers=little)
    assert cancelled.json()["payload"] is None


HEADER = "eyJhbGciOiJub25lIn0.eyJzY29wZXMiOiJqb2JzOnJlYWQiLCJuYW1lc3BhY2UiOiJkZWZhdWx0In0."
BAD: dict[str, str | bytes] = {
    "nothing": "",
    "no token": "Bearer",
    "an empty token": "Bearer ",
    "another scheme": "Basic {key}",
    "no scheme": "{key}",
    "an unknown key": "Bearer triage_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "one character more": "Bearer {key}A",
    "one character less": "Bearer {short}",
    "another case": "Bearer {swapped}",
    "without its prefix": "Bearer {bare}",
    "two keys": "Bearer {key} {key}",
    "a list": "Bearer {key},{key}",
    "in quotes": 'Bearer "{key}"',
    "what is stored of it": "Bearer {digest}",
    "its id": "Bearer {id}",
    "an unsigned token": f"Bearer {HEADER}",
    "a long token": "Bearer " + "A" * 257,
    "a pattern": "Bearer triage_*",
    "bytes beyond ascii": b"Bearer \xff\xfe\xfd",
    "a path": "Bearer ../../{key}",
    "a tab": "Bearer\t{key}",
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
async def test_a_bad_token_is_refused_and_not_repeated(
    guarded: Api, store: Namespace, text: str | bytes
) -> None:
    good = await authorization(store.scripts.redis, store.scripts.namespace)
    key = good["Authorization"].removeprefix("Bearer ")
    if isinstance(text, str):
        text = text.format(
            key=key,
            short=key[:-1],
            swapped=key.swapcase(),
            bare=key.removeprefix("triage_"),
            digest=hashlib.sha256(key.encode()).hexdigest(),
            id="key_01M85QCM3VN2A0H686WCBXCF8E",
        ).encode()
    response = await guarded.http.get("/v1/jobs", headers=[(b"authorization", text)])
    problem(response, 401, "unauthenticated")
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert key not in response.text
    assert (await guarded.http.get("/v1/jobs", headers=good)).status_code == 200


async def test_no_key_can_be_read_in_redis(store: Namespace) -> None:
    header = await authorization(store.scripts.redis, store.scripts.namespace)
    secret = header["Authorization"].removeprefix("Bearer ").encode()
    client: Any = store.scripts.redis
    async for key in client.scan_iter(count=1000):
        assert secret not in key
        if b"access" in key:
            dumped = await client.dump(key)
            assert dumped is None or secret not in dumped
    assert await AccessKeys(client).list() != []
