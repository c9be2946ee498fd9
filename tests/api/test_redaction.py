"""A canary in every value that a job holds, searched for in every response of every operation."""

import contextlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from service.api.auth.credentials import SCOPES
from service.api.responses.redaction import HIDDEN, View, redact, secrets_of
from service.domain.catalogue import JobType
from service.domain.job_spec import JobSpec
from service.domain.outcome import Failed, Failure
from service.domain.states import State
from service.domain.worker import WorkerRecord
from service.store.jobs import Submission
from service.store.namespace import Namespace
from service.store.redis import keys
from tests.api.client import Api
from tests.api.document import GUARDED, Operation
from tests.api.keys import authorization
from tests.api.resources import make
from tests.support.factories import claim, finish, job_in, new_id
from workers.handling.context import log_line

CANARY = "4111 1111\n'S3CR3T'"
#: The canary as an error, JSON text and repr() write it.
SPELLINGS = {CANARY, repr(CANARY)[1:-1], orjson.dumps(CANARY).decode()[1:-1]}
DATA = {"secret": CANARY, "cards": [{"secret": CANARY}], "open": "plain"}
POINTERS = ("/secret", "/cards/*/secret")
TEXT = f"boom {CANARY} {CANARY!r}"
EVERYTHING_ELSE = set(SCOPES) - {"payload:read"}
WORKER = "wk_01M85QCM3VN2A0H686WCBXCF8E"

#: Operations that show some of a job's data to a caller with payload:read.
SHOWING = {
    "create_job", "list_jobs", "get_job", "create_jobs", "update_job", "cancel_job", "retry_job",
    "run_job_now", "list_job_attempts", "list_job_logs", "list_fan_out_jobs", "list_fan_out_results",
    "list_flow_jobs", "stream_job_events", "list_dead_letters", "get_dead_letter", "retry_dead_letter",
    "put_schedule", "list_schedules", "get_schedule", "pause_schedule", "resume_schedule",
    "run_schedule_now",
}  # fmt: skip


def names_in(node: Any) -> set[str]:
    if isinstance(node, dict):
        return set().union({node["name"]} if "name" in node else set(), *map(names_in, node.values()))
    return set().union(*map(names_in, node)) if isinstance(node, list) else set()


def with_canary(node: Any) -> Any:
    """An example's body with the canary in its payloads."""
    if isinstance(node, list):
        return [with_canary(item) for item in node]
    if not isinstance(node, dict):
        return node
    body = {name: with_canary(value) for name, value in node.items()}
    return {**body, "payload": DATA} if "payload" in node else body


async def publish(store: Namespace, names: Iterable[str], redact: tuple[str, ...]) -> None:
    seconds, _ = await store.scripts.redis.time()
    types = [JobType(name, redact=redact) for name in names]
    record = WorkerRecord(
        WORKER, "host", 7, "0.1.0", {"default": 3}, tuple(type.name for type in types), "running", 1, 20, 0,
        seconds * 1000,
    )  # fmt: skip
    await store.workers.register(record, types)


async def poison(store: Namespace) -> None:
    """Puts the canary into every stored value of every job and schedule."""
    redis: Any = store.scripts.redis
    prefix = store.scripts.prefix
    error = {"type": "ValueError", "message": TEXT, "retryable": False, "attempt": 1}
    attempt = {
        "attempt": 1, "outcome": "failed", "at_ms": 1, "worker_id": WORKER, "duration_seconds": 1.0,
        "type": "ValueError", "message": TEXT, "traceback": f"line\n{TEXT}",
    }  # fmt: skip
    async for key in redis.scan_iter(match=f"{prefix}job:*", type="HASH", count=1000):
        id = key.decode().removeprefix(f"{prefix}job:")
        if ":" in id:
            continue
        fields = {"error": orjson.dumps(error), "result": orjson.dumps(DATA), "payload": orjson.dumps(DATA)}
        fields["progress"] = orjson.dumps({"current": 1, "total": 2, "message": TEXT})
        await redis.hset(key, mapping=fields)
        await redis.rpush(keys.attempts(prefix, id=id), orjson.dumps(attempt))
        await redis.rpush(keys.logs(prefix, id=id), orjson.dumps({"at_ms": 1, "message": TEXT}))
    async for key in redis.scan_iter(match=f"{prefix}schedule:*", type="HASH", count=1000):
        definition = orjson.loads(await redis.hget(key, "definition"))
        definition["job"]["payload"] = DATA
        await redis.hset(key, "definition", orjson.dumps(definition))


async def answer_of(
    store: Namespace, operation: Operation, scopes: Iterable[str], published: tuple[str, ...] | None
) -> str:
    """The text of the response, for a caller with these scopes, when every job holds the canary."""
    body = None if operation.request is None else with_canary(operation.request["example"])
    values = await make(store, operation) if operation.parameters("path") else {}
    if not values and operation.method == "GET":
        await job_in(store, State.DEAD)
        await make(store, replace(operation, path="/v1/schedules/{name}", declared={
            **operation.declared, "parameters": [{"in": "path", "name": "name"}]
        }))  # fmt: skip
    if published is not None:
        await publish(store, {"work"} | names_in(body), published)
    else:
        redis: Any = store.scripts.redis
        await redis.unlink(keys.catalogue(store.scripts.prefix))
    await poison(store)
    if body is not None and "confirm" in body:
        body["confirm"] = values["name"]
    api = Api(store.scripts.redis, store.scripts.namespace, auth="required")
    async with contextlib.aclosing(api.http):
        response = await api.http.request(
            operation.method,
            operation.address(**values),
            content=None if body is None else orjson.dumps(body),
            headers={
                **await authorization(store.scripts.redis, store.scripts.namespace, scopes),
                "Content-Type": "application/json",
            },
        )
    await api.close()
    assert response.status_code < 300, response.text
    return response.text


def shows(text: str) -> bool:
    return any(spelling in text for spelling in SPELLINGS) or "S3CR3T" in text


@pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: operation.id)
async def test_without_payload_read_no_operation_shows_anything_of_it(
    store: Namespace, operation: Operation
) -> None:
    assert not shows(await answer_of(store, operation, EVERYTHING_ELSE, ()))


@pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: operation.id)
async def test_with_payload_read_the_canary_is_seen_where_it_is_expected(
    store: Namespace, operation: Operation
) -> None:
    assert shows(await answer_of(store, operation, SCOPES, ())) == (operation.id in SHOWING)


@pytest.mark.parametrize("published", [POINTERS, None], ids=["a type that redacts it", "an unknown type"])
@pytest.mark.parametrize(
    "operation", [one for one in GUARDED if one.id in SHOWING], ids=lambda operation: operation.id
)
async def test_redacted_values_are_hidden_from_every_caller(
    store: Namespace, operation: Operation, published: tuple[str, ...] | None
) -> None:
    assert not shows(await answer_of(store, operation, SCOPES, published))


async def test_a_job_keeps_its_pointers_when_its_workers_and_their_types_are_gone(store: Namespace) -> None:
    redis: Any = store.scripts.redis
    await redis.unlink(keys.catalogue(store.scripts.prefix))
    spec = JobSpec("work", payload=orjson.dumps(DATA), redact=POINTERS)
    id = (await store.jobs.submit([Submission(new_id(), spec)]))[0].job_id
    api = Api(store.scripts.redis, store.scripts.namespace)
    seen = (await api.http.get(f"/v1/jobs/{id}")).json()
    assert seen["payload"] == {"secret": HIDDEN, "cards": [{"secret": HIDDEN}], "open": "plain"}
    await api.close()


async def test_a_type_whose_workers_are_gone_still_redacts(store: Namespace) -> None:
    before = await job_in(store, State.QUEUED)
    await publish(store, ["work"], POINTERS)
    await store.workers.deregister(WORKER)
    await poison(store)
    api = Api(store.scripts.redis, store.scripts.namespace)
    created = await api.create(payload=DATA)
    for id in (before[0], created["id"]):
        job = (await api.http.get(f"/v1/jobs/{id}")).json()
        assert job["payload"] == {"secret": HIDDEN, "cards": [{"secret": HIDDEN}], "open": "plain"}
    await api.close()


async def test_the_submission_stores_the_pointers_of_its_type(store: Namespace) -> None:
    await publish(store, ["work"], POINTERS)
    api = Api(store.scripts.redis, store.scripts.namespace)
    created = await api.create()
    job = await store.queries.job(created["id"])
    assert job is not None
    assert job.redact == POINTERS
    # Redactions that a type gains later apply to old jobs, and those that it drops still apply.
    await publish(store, ["work"], ("/open",))
    fresh = Api(store.scripts.redis, store.scripts.namespace)
    await poison(store)
    seen = (await fresh.http.get(f"/v1/jobs/{created['id']}")).json()
    assert seen["payload"] == {"secret": HIDDEN, "cards": [{"secret": HIDDEN}], "open": HIDDEN}
    await api.close()
    await fresh.close()


def test_a_star_stands_for_every_item_and_every_member() -> None:
    document = {"cards": [{"n": 1, "a": 2}, {"n": 3}, "text"], "by": {"x": {"n": 4}, "y": None}, "*": 5}
    assert redact(document, ("/cards/*/n", "/by/*/n", "/nowhere/*", "/cards/9")) == {
        "cards": [{"n": HIDDEN, "a": 2}, {"n": HIDDEN}, "text"],
        "by": {"x": {"n": HIDDEN}, "y": None},
        "*": 5,
    }
    assert redact({"a": [1, {"b": 2}]}, ("/a/*",)) == {"a": [HIDDEN, HIDDEN]}


def test_secrets_are_every_scalar_below_a_pointer() -> None:
    document = {"card": {"number": "4111", "cvv": 737, "ok": True, "none": None, "no": 7}}
    assert secrets_of(document, ("/card",)) == {"4111", "737"}


async def test_a_new_run_with_another_payload_does_not_uncover_the_one_before(store: Namespace) -> None:
    await publish(store, ["work"], POINTERS)
    api = Api(store.scripts.redis, store.scripts.namespace)
    job = await api.create(payload=DATA)
    failure = Failure("ValueError", TEXT, TEXT)
    lease = (await claim(store)).leases[0]
    await store.leases.append_log(lease, log_line(TEXT))
    await finish(store, lease, Failed(failure, retryable=False))
    again = await api.http.post(f"/v1/dlq/{job['id']}/retry", json={"payload": {"secret": "other"}})
    assert again.status_code == 202, again.text
    for path in (f"/v1/jobs/{job['id']}/attempts", f"/v1/jobs/{job['id']}/logs"):
        response = await api.http.get(path)
        assert response.json()["items"]
        assert not shows(response.text), path
    lease = (await claim(store)).leases[0]
    await finish(store, lease, Failed(Failure("ValueError", "other: no", ""), retryable=False))
    dead = await api.http.get(f"/v1/dlq/{job['id']}")
    assert not shows(dead.text)
    assert dead.json()["error"]["message"] == f"{HIDDEN}: no"
    await api.close()


def test_a_text_is_hidden_when_the_secret_values_are_unavailable() -> None:
    progress = orjson.dumps({"current": 1, "total": None, "message": "m"})
    assert View(True, ("/a",)).progress(progress) == {"current": 1, "total": None, "message": HIDDEN}
    assert View(True, None).progress(progress)["message"] == HIDDEN
    assert orjson.dumps(View(True, ()).progress(progress)) == progress
