"""A job shows the options it was submitted with: limits, retry, unique key, retention."""

from typing import Any

from service.store.namespace import Namespace
from tests.api.client import Api
from tests.support.factories import HOPELESS, claim, finish

RETRY = {
    "max_attempts": 5,
    "backoff": "linear",
    "delay_seconds": 2.5,
    "max_delay_seconds": 60.0,
    "jitter": 0.0,
}
UNIQUE = {"key": "order:1", "until": "started", "on_conflict": "reject"}
ASKED: dict[str, Any] = {
    "limit_key": "acme",
    "timeout_seconds": 12.5,
    "retry": RETRY,
    "deadline_seconds": 600.0,
    "expires_seconds": 300.0,
    "retention_seconds": 7200.0,
}
DEFAULTS: dict[str, Any] = {
    "limit_key": None,
    "timeout_seconds": 300.0,
    "retry": {
        "max_attempts": 3, "backoff": "exponential", "delay_seconds": 1.0, "max_delay_seconds": 3600.0,
        "jitter": 0.2,
    },
    "deadline_seconds": None,
    "expires_seconds": None,
    "retention_seconds": 86400.0,
    "unique": None,
}  # fmt: skip


def shown(job: dict[str, Any]) -> dict[str, Any]:
    return {name: job[name] for name in DEFAULTS}


async def test_options_are_returned_stored_and_replayed(api: Api) -> None:
    body = {"name": "work", **ASKED, "unique": UNIQUE}
    headers = {"Idempotency-Key": "k"}
    created = (await api.http.post("/v1/jobs", json=body, headers=headers)).json()
    replayed = (await api.http.post("/v1/jobs", json=body, headers=headers)).json()
    assert shown(created) == {**ASKED, "unique": UNIQUE}
    assert replayed == created
    assert (await api.http.get(f"/v1/jobs/{created['id']}")).json() == created
    ((listed,), _) = (await api.http.get("/v1/jobs")).json().values()
    assert listed == created


async def test_defaults_are_resolved(api: Api) -> None:
    job = await api.create()
    assert shown(job) == DEFAULTS
    timed = await api.create(unique={"key": "a", "until": 1.5})
    assert timed["unique"] == {"key": "a", "until": 1.5, "on_conflict": "return_existing"}


async def test_jobs_of_flows_and_fan_outs_show_them_as_well(api: Api) -> None:
    job = {"name": "work", **ASKED}
    flow = (await api.http.post("/v1/flows", json={"name": "f", "jobs": {"a": {"job": job}}})).json()
    node = (await api.http.get(f"/v1/jobs/{flow['jobs']['a']}")).json()
    fan = {"template": job, "items": [{}], "then": job}
    fan_out = (await api.http.post("/v1/fan-outs", json=fan)).json()
    (item,) = (await api.http.get(f"/v1/fan-outs/{fan_out['id']}/jobs")).json()["items"]
    then = (await api.http.get(f"/v1/jobs/{fan_out['then_job_id']}")).json()
    for found in (node, item, then):
        assert shown(found) == {**ASKED, "unique": None}


async def test_a_change_and_a_new_run_keep_them(api: Api, store: Namespace) -> None:
    id = (await api.create(**ASKED, unique={**UNIQUE, "until": "finished"}))["id"]
    changed = (await api.http.patch(f"/v1/jobs/{id}", json={"retry": {"max_attempts": 1}})).json()
    assert shown(changed) == {
        **ASKED,
        "retry": {**RETRY, "max_attempts": 1},
        "unique": {**UNIQUE, "until": "finished"},
    }
    await finish(store, (await claim(store)).leases[0], HOPELESS)
    again = (await api.http.post(f"/v1/jobs/{id}/retry")).json()
    assert shown(again) == shown(changed)
