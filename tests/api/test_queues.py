"""Queues, workers, probes and API keys."""

import hashlib
from datetime import UTC, datetime, timedelta

from service.api.auth.credentials import SCOPES
from service.api.responses.problems import STATUS
from service.domain import errors
from service.domain.access_key import AccessKey
from service.domain.catalogue import JobType
from service.domain.errors import TriageError
from service.domain.outcome import Throttled
from service.domain.states import State
from service.store.namespace import Namespace
from service.store.tenants.access_keys import AccessKeys
from tests.api.client import Api, problem
from tests.support.factories import claim, finish, job_in, submit
from tests.support.worker_records import WORKER, worker


async def test_a_queue_counts_its_jobs_by_state(api: Api, store: Namespace) -> None:
    for state in (State.QUEUED, State.SCHEDULED):
        await submit(store, delay_ms=60_000 if state is State.SCHEDULED else 0)
    await job_in(store, State.SCHEDULED)
    queue = (await api.http.get("/v1/queues/default")).json()
    assert queue["counts"] == {"queued": 1, "scheduled": 2, "retrying": 0, "running": 0, "blocked": 0}
    assert queue["oldest_queued_seconds"] >= 0
    assert [row["name"] for row in (await api.http.get("/v1/queues")).json()["items"]] == ["default"]


async def test_a_paused_queue_starts_nothing(api: Api, store: Namespace) -> None:
    assert (await api.http.post("/v1/queues/default/pause")).json()["paused"] is True
    await submit(store)
    assert (await claim(store)).leases == []
    assert (await api.http.post("/v1/queues/default/resume")).json()["paused"] is False
    assert len((await claim(store)).leases) == 1


async def test_purge_needs_the_name_and_cancels_waiting_jobs(api: Api, store: Namespace) -> None:
    for _ in range(3):
        await submit(store)
    await submit(store, delay_ms=60_000)
    response = await api.http.post("/v1/queues/default/purge", json={"confirm": "defualt"})
    problem(response, 422, "validation_failed")
    assert (await api.http.post("/v1/queues/default/purge", json={"confirm": "default"})).json() == {
        "purged": 4
    }
    assert (await api.http.get("/v1/queues/default")).json()["counts"]["queued"] == 0


async def test_settings_are_guarded_by_the_version(api: Api) -> None:
    queue = (
        await api.http.patch("/v1/queues/new", json={"priority_aging_seconds": None, "max_depth": 5})
    ).json()
    assert (queue["priority_aging_seconds"], queue["max_depth"]) == (None, 5)
    response = await api.http.patch("/v1/queues/new", json={"max_depth": 6}, headers={"If-Match": '"1"'})
    problem(response, 412, "version_mismatch")


async def test_a_freeze_is_shown_survives_new_settings_and_is_lifted_by_resume(
    api: Api, store: Namespace
) -> None:
    id = await submit(store)
    await finish(store, (await claim(store)).leases[0], Throttled(60_000))
    (shown,) = (await api.http.get("/v1/queues/default")).json()["freezes"]
    until = datetime.fromisoformat(shown.pop("until"))
    assert timedelta(seconds=50) < until - datetime.now(UTC) < timedelta(seconds=70)
    assert shown == {"job_type": "work", "limit_key": None, "reason": "rate_limited", "job_id": id}
    changed = await api.http.patch("/v1/queues/default", json={"max_depth": 10})
    assert len(changed.json()["freezes"]) == 1
    assert (await claim(store)).leases == []
    assert (await api.http.post("/v1/queues/default/resume")).json()["freezes"] == []
    assert [lease.job.id for lease in (await claim(store)).leases] == [id]


async def test_workers_and_their_types_are_shown_and_payloads_checked_against_them(
    api: Api, store: Namespace
) -> None:
    seconds, _ = await store.scripts.redis.time()
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    job_type = JobType("work", schema, {"queue": "slow", "timeout_seconds": 5}, redact=("/card/number",))
    await store.workers.register(worker(seconds * 1000), [job_type])
    assert (await api.http.get("/v1/workers")).json()["items"][0]["id"] == WORKER
    assert (await api.http.get("/v1/job-types")).json()["items"][0]["payload_schema"] == schema
    response = await api.http.post("/v1/jobs", json={"name": "work", "payload": {"n": "x"}})
    assert problem(response, 422, "payload_invalid")["errors"][0]["pointer"] == "/payload/n"
    job = await api.create(payload={"n": 1, "card": {"number": "4111"}})
    assert (job["queue"], job["payload"]["card"]["number"]) == ("slow", "[redacted]")
    assert (await api.http.post(f"/v1/workers/{WORKER}/drain")).status_code == 202
    problem(await api.http.get("/v1/workers/wk_01M85QCM3VN2A0H686WCBXCF8F"), 404, "not_found")


async def test_probes_and_metrics(api: Api, store: Namespace) -> None:
    await submit(store)
    assert (await api.http.get("/livez")).json() == {"status": "ok", "problem": None}
    assert (await api.http.get("/readyz")).status_code == 200
    text = (await api.http.get("/metrics")).text
    assert 'triage_queue_jobs{queue="default",state="queued"} 1.0' in text


async def test_every_operation_needs_a_key_with_its_scope_and_sees_only_its_namespace(
    store: Namespace,
) -> None:
    keys = AccessKeys(store.scripts.redis)
    for secret, namespace, scopes in (
        ("all", store.scripts.namespace, SCOPES),
        ("reader", store.scripts.namespace, ("jobs:read",)),
        ("foreign", store.scripts.namespace + "-other", SCOPES),
    ):
        digest = hashlib.sha256(secret.encode()).hexdigest()
        await keys.create(AccessKey(f"key_{secret}", secret, namespace, frozenset(scopes), 0), digest)
    api = Api(store.scripts.redis, "unused", auth="required")
    id = await submit(store, payload=b'{"secret":"S3CR3T"}')

    def bearer(secret: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {secret}"}

    response = await api.http.get(f"/v1/jobs/{id}")
    problem(response, 401, "unauthenticated")
    assert response.headers["www-authenticate"].startswith("Bearer")
    problem(await api.http.get(f"/v1/jobs/{id}", headers=bearer("wrong")), 401, "unauthenticated")
    problem(await api.http.delete(f"/v1/jobs/{id}", headers=bearer("reader")), 403, "scope_missing")
    seen = (await api.http.get(f"/v1/jobs/{id}", headers=bearer("reader"))).json()
    assert (seen["id"], seen["payload"]) == (id, None)
    assert (await api.http.get(f"/v1/jobs/{id}", headers=bearer("all"))).json()["payload"] == {
        "secret": "S3CR3T"
    }
    foreign = await api.http.get(f"/v1/jobs/{id}", headers=bearer("foreign"))
    unknown = await api.http.get("/v1/jobs/job_01M85QCM3VN2A0H686WCBXCF8E", headers=bearer("foreign"))
    assert problem(foreign, 404, "not_found")["detail"] == problem(unknown, 404, "not_found")["detail"]
    assert (await api.http.get("/livez")).status_code == 200
    await keys.revoke("key_all")
    await api.close()


def test_every_operation_has_a_scope() -> None:
    from service.api.export import openapi_document

    for path, operations in openapi_document()["paths"].items():
        for method, operation in operations.items():
            if path not in ("/livez", "/readyz"):
                assert operation["x-required-scope"] in SCOPES, (method, path)


def test_every_error_has_its_status() -> None:
    def classes(of: type[TriageError]) -> set[type[TriageError]]:
        return {of, *(found for child in of.__subclasses__() for found in classes(child))}

    missing = classes(errors.TriageError) - set(STATUS) - {errors.TriageError}
    assert not [error for error in missing if not issubclass(error, errors.ConfigurationInvalid)]
