"""Mistakes in requests: `detail` names the place and what to do, and pointers lead into the document."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from service.domain.catalogue import JobType
from service.domain.outcome import Succeeded
from service.store.namespace import Namespace
from tests.api.client import Api
from tests.api.keys import authorization
from tests.mistakes.requests import REQUESTS, Mistake
from tests.support.factories import claim, finish, register_worker

_GREETING = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name"],
    "additionalProperties": False,
}
_INTERNALS = ("constrained-str", "constrained-float", "EdgeIn", "JobSpecIn", "function-", "[key]", "literal[")


@dataclass
class Place:
    """The API without and with keys, and a finished job."""

    open: Api
    keyed: Api
    header: dict[str, str]
    done: str

    async def ask(self, mistake: Mistake) -> Any:
        api = self.keyed if mistake.with_key else self.open
        headers = dict(mistake.headers or {})
        if mistake.with_key and mistake.headers is None:
            headers |= self.header
        content: dict[str, Any] = {}
        if mistake.body is not None:
            content["content" if isinstance(mistake.body, bytes) else "json"] = mistake.body
        path = mistake.path.replace("DONE", self.done)
        return await api.http.request(mistake.method, path, headers=headers, **content)


@pytest.fixture
async def place(store: Namespace) -> AsyncIterator[Place]:
    await register_worker(store, [JobType("greet", _GREETING)], job_types=("greet",))
    redis, namespace = store.scripts.redis, store.scripts.namespace
    opened, keyed = Api(redis, namespace), Api(redis, namespace, auth="required")
    done = (await opened.create(name="greet", payload={"name": "Ada"}))["id"]
    taken = await claim(store, types={"greet": None})
    await finish(store, taken.leases[0], Succeeded(b"1"))
    await opened.http.post("/v1/jobs", json={"name": "a"}, headers={"Idempotency-Key": "k-1"})
    yield Place(opened, keyed, await authorization(redis, namespace, ["jobs:read"]), done)
    await opened.close()
    await keyed.close()


async def test_each_response_says_what_is_wrong_and_where(place: Place) -> None:
    wrong: list[str] = []
    for mistake in REQUESTS:
        response = await place.ask(mistake)
        document = response.json()
        missing = [word for word in mistake.says if word not in document.get("detail", "")]
        pointers = tuple(row["pointer"] for row in document.get("errors", ()))
        internal = [word for word in _INTERNALS if word in response.text]
        fits = mistake.pointers is None or pointers == mistake.pointers
        if response.status_code != mistake.status or missing or internal or not fits:
            wrong.append(
                f"{mistake.title}: lacks {missing}, has {internal}: {response.status_code} {response.text}"
            )
    assert wrong == []


async def test_a_cycle_appears_once(place: Place) -> None:
    (mistake,) = [row for row in REQUESTS if row.title == "cycle" and len(row.body["jobs"]) == 2]
    document = (await place.ask(mistake)).json()
    assert document["detail"].count("a -> b -> a") == 1
    assert len(document["errors"]) == 1


async def test_the_missing_scope_is_named(place: Place) -> None:
    (mistake,) = [row for row in REQUESTS if row.title == "missing scope"]
    assert (await place.ask(mistake)).json()["required_scope"] == "jobs:write"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/jobs", {"name": "gret"}),
        ("/v1/jobs/bulk", {"jobs": [{"name": "gret"}, {"name": "greet", "payload": {"name": "Ada"}}]}),
        ("/v1/flows", {"name": "f", "jobs": {"a": {"job": {"name": "gret"}}}}),
        (
            "/v1/fan-outs",
            {"template": {"name": "greet"}, "items": [{"name": "Ada"}], "then": {"name": "gret"}},
        ),
        ("/v1/schedules/s", {"cron": "@daily", "job": {"name": "gret"}}),
    ],
)
async def test_an_unknown_job_type_is_a_warning_and_in_development_an_error(
    place: Place, path: str, body: Any
) -> None:
    said = "no live worker knows job type 'gret'; did you mean 'greet'?"
    method = "PUT" if "schedules" in path else "POST"
    response = await place.open.http.request(method, path, json=body)
    assert response.status_code < 300
    assert response.headers["triage-warning"] == said
    strict = Api(place.open.app.state.app_state.redis, place.open.app.state.app_state.settings.namespace,
                 unknown_types="refuse_similar")  # fmt: skip
    refused = await strict.http.request(method, path, json=body)
    await strict.close()
    document = refused.json()
    if path == "/v1/jobs/bulk":
        assert [row["status"] for row in document["results"]] == [422, 202]
        document = document["results"][0]["problem"]
    assert (document["status"], document["code"]) == (422, "unknown_job_type")
    assert document["detail"].endswith(f"/name: {said}")


async def test_a_known_type_has_no_warning_and_a_large_payload_keeps_its_own(place: Place) -> None:
    response = await place.open.http.post(
        "/v1/jobs", json={"name": "greet", "payload": {"name": "A" * 2_000}}
    )
    assert response.headers["triage-warning"].startswith("payload is 2")
    response = await place.open.http.post(
        "/v1/jobs", json={"name": "nobody", "payload": {"name": "A" * 2_000}}
    )
    assert response.headers["triage-warning"].startswith(
        "no live worker knows job type 'nobody'; payload is 2"
    )


async def test_a_type_that_resembles_none_is_accepted_in_development_unless_all_are_refused(
    place: Place,
) -> None:
    app_state = place.open.app.state.app_state
    for setting, status in (("refuse_similar", 202), ("refuse", 422)):
        api = Api(app_state.redis, app_state.settings.namespace, unknown_types=setting)
        response = await api.http.post("/v1/jobs", json={"name": "nobody-knows-it"})
        assert response.status_code == status
        assert "no live worker knows job type 'nobody-knows-it'" in (
            response.headers.get("triage-warning") or response.json()["detail"]
        )
        await api.close()


async def test_without_workers_an_unknown_type_is_accepted_in_development(store: Namespace) -> None:
    api = Api(store.scripts.redis, store.scripts.namespace, unknown_types="refuse")
    response = await api.http.post("/v1/jobs", json={"name": "early"})
    assert (response.status_code, response.headers["triage-warning"]) == (
        202,
        "no live worker knows job type 'early'",
    )
    await api.close()
