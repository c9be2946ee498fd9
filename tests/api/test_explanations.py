"""Explanations over HTTP: every reason has a sentence and matches the document."""

import re
from typing import Any, get_args

import orjson
import pytest

from service.api.responses.explanations import explanation
from service.domain.explanation import Explanation
from service.domain.explanation_codes import Cause, Code
from service.domain.outcome import Throttled
from service.domain.states import State
from service.store.namespace import Namespace
from tests.api.client import Api, problem
from tests.api.document import SCHEMAS, validate
from tests.support.factories import BROKEN, claim, finish, job_in, limit, register_worker, submit

pytestmark = pytest.mark.anyio

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


async def explain(api: Api, id: str) -> dict[str, Any]:
    response = await api.http.get(f"/v1/jobs/{id}/explain")
    assert response.status_code == 200, response.text
    document = response.json()
    validate(document, SCHEMAS["ExplanationOut"])
    assert (document["job_id"], document["object"]) == (id, "explanation")
    assert document["summary"] == " ".join(reason["message"] for reason in document["reasons"])
    return document


async def test_a_queued_job_without_a_worker_and_with_one(api: Api, store: Namespace) -> None:
    id = (await api.create())["id"]
    found = await explain(api, id)
    assert found["reasons"] == [
        {
            "code": "no_worker",
            "message": "No live worker serves queue default.",
            "queue": "default",
            "draining": 0,
        }
    ]
    await register_worker(store)
    found = await explain(api, id)
    assert (found["state"], found["next_at"]) == ("queued", None)
    assert [reason["code"] for reason in found["reasons"]] == ["ready"]


async def test_pause_over_http_is_a_reason_until_resume(api: Api, store: Namespace) -> None:
    await register_worker(store)
    id = (await api.create())["id"]
    await api.http.post("/v1/queues/default/pause")
    await api.http.post("/v1/queues/default/pause", json={"job_type": "work"})
    assert (await explain(api, id))["summary"] == (
        "Queue default is paused. Job type work is paused in queue default."
    )
    await api.http.post("/v1/queues/default/resume")
    await api.http.post("/v1/queues/default/resume", json={"job_type": "work"})
    assert [reason["code"] for reason in (await explain(api, id))["reasons"]] == ["ready"]


async def test_a_frozen_key_shows_when_it_opens(api: Api, store: Namespace) -> None:
    await register_worker(store)
    id = (await api.create(limit_key="acme"))["id"]
    await finish(store, (await claim(store)).leases[0], Throttled(60_000))
    found = await explain(api, id)
    (reason,) = found["reasons"]
    assert (reason["code"], reason["limit_key"]) == ("key_frozen", "acme")
    assert found["next_at"] == reason["until"]
    assert re.search(f"wait until {TIME}\\.$", reason["message"])


async def test_strict_priority_is_null_and_not_absent(api: Api, store: Namespace) -> None:
    await register_worker(store)
    await limit(store, priority_aging_ms=None)
    id = await submit(store)
    assert (await explain(api, id))["reasons"][0]["aging_seconds"] is None


@pytest.mark.parametrize("state", list(State))
async def test_a_job_in_any_state_is_explained(api: Api, store: Namespace, state: State) -> None:
    id, _ = await job_in(store, state)
    found = await explain(api, id)
    assert found["state"] == state
    assert found["reasons"][0]["code"] == {
        State.BLOCKED: "dependencies", State.QUEUED: "no_worker",
    }.get(state, state.value)  # fmt: skip


async def test_a_retry_tells_the_type_of_the_error_and_not_its_message(api: Api, store: Namespace) -> None:
    id = await submit(store)
    await finish(store, (await claim(store)).leases[0], BROKEN)
    found = await explain(api, id)
    assert "Attempt 1 of 3 failed with ValueError" in found["summary"]
    assert "broken" not in orjson.dumps(found).decode()
    assert found["next_at"] == found["reasons"][0]["until"]


async def test_a_dead_job_says_how_it_runs_again(api: Api, store: Namespace) -> None:
    id, _ = await job_in(store, State.DEAD)
    (reason,) = (await explain(api, id))["reasons"]
    assert (reason["state_reason"], reason["error_type"]) == ("non_retryable", "ValueError")
    assert (await api.http.post(reason["retry"])).status_code == 202
    assert [row["code"] for row in (await explain(api, id))["reasons"]] == ["no_worker"]


async def test_an_unknown_job_is_404(api: Api) -> None:
    problem(await api.http.get("/v1/jobs/job_01M85QCM3VN2A0H686WCBXCF8E/explain"), 404, "not_found")


#: A value for every fact that a sentence may mention.
FACTS: dict[str, Any] = {
    **dict.fromkeys(("queue", "name", "limit_key", "retry", "error_type"), "x"),
    **dict.fromkeys(("holder_id", "worker_id"), "job_x"),
    **dict.fromkeys(("limit", "running", "capacity", "ahead", "total", "crashes"), 2),
    **dict.fromkeys(("attempt", "max_attempts", "per_seconds"), 3),
    **dict.fromkeys(("until", "forced_at", "finished_at"), 1_900_000_000_000),
}


@pytest.mark.parametrize("code", get_args(Code))
@pytest.mark.parametrize("reason", ["exhausted", "requested", "told by a client", None])
async def test_every_code_has_a_sentence(store: Namespace, code: Code, reason: str | None) -> None:
    job = await store.queries.job(await submit(store))
    assert job is not None
    document = explanation(job, Explanation([Cause(code, {**FACTS, "state_reason": reason})]))
    validate(document, SCHEMAS["ExplanationOut"])
    message = document["reasons"][0]["message"]
    assert message[0].isupper()
    assert message.endswith(".")
    assert "{" not in message
