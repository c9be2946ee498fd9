"""Unknown, repeated or extreme parameters, and preconditions that fail."""

from urllib.parse import urlencode

import pytest

from service.store.namespace import Namespace
from tests.api.client import Api, problem
from tests.api.document import GUARDED, Operation
from tests.support.factories import submit


@pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: operation.id)
async def test_every_operation_refuses_parameters_that_it_does_not_have(
    api: Api, operation: Operation
) -> None:
    path = operation.address()
    if "422" not in operation.declared["responses"]:
        assert operation.id == "metrics"  # A scraper may add parameters.
        return
    joined = f"{path}{'&' if '?' in path else '?'}stat%65s=dead&=1"
    body = operation.request and operation.request["example"]
    response = problem(await api.http.request(operation.method, joined, json=body), 422, "unknown_parameter")
    assert [row["pointer"] for row in response["errors"]] == ["states", ""]


REPEATABLE = {"tag"}


@pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: operation.id)
async def test_a_repeated_parameter_is_refused(api: Api, operation: Operation) -> None:
    for row in operation.parameters("query"):
        twice = urlencode([(row["name"], "1"), (row["name"], "1")])
        response = await api.http.request(
            operation.method, f"{operation.address().partition('?')[0]}?{twice}"
        )
        if row["name"] in REPEATABLE:
            assert response.json()["errors"][0]["code"] != "repeated"
        else:
            assert problem(response, 422, "validation_failed")["errors"][0]["code"] == "repeated"


async def test_two_adjoining_windows_hold_every_job_once(api: Api, store: Namespace) -> None:
    rows = (await api.http.post("/v1/jobs/bulk", json={"jobs": [{"name": "work"}] * 10})).json()["results"]
    at = rows[0]["job"]["created_at"]
    await submit(store, name="other")

    async def count(**window: str) -> int:
        return len((await api.http.get("/v1/jobs", params=window)).json()["items"])

    assert await count(created_before=at) + await count(created_after=at) == 11
    # With a bound between two milliseconds, jobs created in the first one are before it.
    later = at.replace("Z", "5Z")
    assert await count(created_before=later) >= 10
    assert await count(created_before=later) + await count(created_after=later) == 11


async def test_a_filter_of_the_first_year_is_shown_as_it_was_sent(api: Api) -> None:
    for sent, shown in (
        ("0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.5-23:59", "9999-12-31T23:59:59.000Z"),
        ("0987-01-01T00:00:00.001Z", "0987-01-01T00:00:00.001Z"),
    ):
        body = {"action": "cancel", "filter": {"created_after": sent}, "dry_run": True}
        response = await api.http.post("/v1/bulk-actions", json=body)
        assert response.json()["filter"]["created_after"] == shown


IF_MATCH = [
    ('"7"', 412),
    ('"x"', 412),
    ('W/"x"', 412),
    ("*", 200),
    ('"7", "1"', 200),
    ('"1"', 200),
    ('""', 412),
]


@pytest.mark.parametrize(("sent", "status"), IF_MATCH)
async def test_an_etag_that_does_not_match_is_412(api: Api, sent: str, status: int) -> None:
    id = (await api.create(delay_seconds=600))["id"]
    headers = {"If-Match": sent}
    assert (
        await api.http.patch(f"/v1/jobs/{id}", json={"priority": 1}, headers=headers)
    ).status_code == status
    await api.http.put("/v1/schedules/s", json={"every_seconds": 60, "job": {"name": "work"}})
    put = {"every_seconds": 61, "job": {"name": "work"}}
    assert (await api.http.put("/v1/schedules/s", json=put, headers=headers)).status_code == status
    await api.http.delete("/v1/schedules/s")
    await api.http.put("/v1/schedules/s", json=put)
    deleted = await api.http.delete("/v1/schedules/s", headers=headers)
    assert deleted.status_code == (204 if status == 200 else 412)


async def test_if_match_needs_something_to_match(api: Api) -> None:
    for sent in ("*", '"1"'):
        headers = {"If-Match": sent}
        response = await api.http.patch("/v1/queues/new", json={"max_depth": 1}, headers=headers)
        problem(response, 412, "version_mismatch")
