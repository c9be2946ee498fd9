"""Every parameter and every field of every operation, with values that break careless code: never a 5xx."""

import base64
import re
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest

from service.store.namespace import Stores
from tests.api import resources
from tests.api.client import Api, problem
from tests.api.document import ADDRESSED, GUARDED, OPERATIONS, Operation
from tests.support.factories import submit

#: What only Redis, Lua or Python would say.
LEAKS = re.compile(rb"[Rr]edis|user_script|ERR |WRONGTYPE|[0-9a-f]{40}|Traceback|Error\b.*\bline ", re.DOTALL)


def cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")


TEXTS = [
    "",
    " ",
    "\x00",
    "\r\nX-Evil: 1",
    "\u202e",
    "é" * 200,
    "z" * 600,
    "*",
    "%",
    "{}",
    "'\"",
    "-1",
    "1e999",
    "NaN",
]
NUMBERS = ["-1", "0", "1e3", "NaN", "inf", "99999999999999999999999", "1.5", "", "٣", "1_000", "0x10", " 1"]
TIMES = [
    "0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999-23:59",
    "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T00:00:60Z",
    "2026-01-01T00:00:00+24:00",
    "2026-01-01T00:00:00.0000000000000000001Z", "2026-01-01T00:00:00", "1", "",
]  # fmt: skip
ID = "01M85QCM3VN2A0H686WCBXCF8E"
IDS = [f"{kind}_{ID}" for kind in ("job", "flow", "fan", "act")]
AT = ["x", "", "-1", "1e400", "nan", "(1", "٣", "9" * 400, "0x10", "1 2"]
ENDS = ["", "|", "||", "1", "1|", "1|x", "1|job_" + "Z" * 26, "\x00", "a\x00|b", "[", "(", "\u2028"]
PLACES = [
    *(cursor(f"{at}|{id}") for at in AT for id in IDS), *map(cursor, ENDS),
    "=", "AAAA", "z" * 512, "_-_-", "é",
]  # fmt: skip
TAGS = ['"', '""', '"x"', 'W/"x"', '"' + "9" * 400 + '"', "*", '"1","2"', '"1', '"-1"', "1", '"\u00e9"', ""]
VALUES: dict[str, list[str]] = {
    "limit": NUMBERS, "from_index": NUMBERS, "wait": [*NUMBERS[3:6], "31", "-1", "", "x"], "cursor": PLACES,
    "created_after": TIMES, "created_before": TIMES, "If-Match": TAGS, "If-None-Match": TAGS,
    "tag": [*TEXTS, ":", "a:", ":b", "a:b:c", "a" * 64 + ":" + "b" * 64, "a\x00:b"],
    "Prefer": ["wait=0", "wait=-1", "wait=", "wait=0.0001", 'wait="0"', "respond-async", "wait=0" * 99],
}  # fmt: skip
BODIES: list[Any] = [
    None, True, -1, 0, 1e300, 2**64 - 1, -(2**63), "", "\x00", "a" * 5_000, [], {}, [[]], {"": {}}, [None],
    {"a": [{}]}, *TIMES[:4],
]  # fmt: skip


def check(operation: Operation, answer: httpx.Response, sent: object) -> None:
    told = (operation.id, sent, answer.text[:500])
    assert answer.status_code < 500, told
    assert str(answer.status_code) in operation.declared["responses"], told
    # A name that was sent may say anything; what is quoted of it is not a leak.
    if answer.status_code >= 400:
        assert not LEAKS.search(answer.content), told


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
async def test_no_parameter_breaks_an_operation(api: Api, stores: Stores, operation: Operation) -> None:
    own = await resources.make(stores, operation) if operation in ADDRESSED else {}
    await submit(stores)
    body = operation.request and operation.request["example"]
    for row in operation.declared.get("parameters", []):
        for value in VALUES.get(row["name"], TEXTS):
            path, headers = operation.address(**own), {}
            if row["in"] == "path":
                path = operation.address(**{row["name"]: quote(value, safe="")})
            elif row["in"] == "query":
                path = f"{path.partition('?')[0]}?{urlencode({row['name']: value})}"
            else:
                headers = {row["name"].encode(): re.sub("[\r\n\x00]", "", value).strip().encode()}
            if row["in"] == "path" and value in ("", " ", "*", "-1", "NaN", "1e999"):
                continue  # another address, or a name like any other
            request = api.http.build_request(operation.method, path, json=body, headers=headers)
            check(operation, await api.http.send(request), (row["name"], value))


WITH_BODIES = [operation for operation in OPERATIONS if operation.request]


@pytest.mark.parametrize("operation", WITH_BODIES, ids=lambda operation: operation.id)
async def test_no_field_breaks_an_operation(api: Api, stores: Stores, operation: Operation) -> None:
    own = await resources.make(stores, operation) if operation in ADDRESSED else {}
    example: Any = operation.request and operation.request["example"]
    for body in _mutations(example):
        check(operation, await api.http.request(operation.method, operation.address(**own), json=body), body)


def _mutations(example: dict[str, Any]) -> list[Any]:
    """The example with one of its fields, or of those of an object in it, replaced."""
    found: list[Any] = [value for value in BODIES if value is not None]
    for name, inner in example.items():
        found += [{**example, name: value} for value in BODIES]
        if isinstance(inner, dict):
            found += [{**example, name: {**inner, key: value}} for key in inner for value in BODIES]
    return found


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
    answer = problem(await api.http.request(operation.method, joined, json=body), 422, "unknown_parameter")
    assert [row["pointer"] for row in answer["errors"]] == ["states", ""]


REPEATABLE = {"tag"}


@pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: operation.id)
async def test_of_two_values_none_is_ignored(api: Api, operation: Operation) -> None:
    for row in operation.parameters("query"):
        twice = urlencode([(row["name"], "1"), (row["name"], "1")])
        answer = await api.http.request(operation.method, f"{operation.address().partition('?')[0]}?{twice}")
        if row["name"] in REPEATABLE:
            assert answer.json()["errors"][0]["code"] != "repeated"
        else:
            assert problem(answer, 422, "validation_failed")["errors"][0]["code"] == "repeated"


async def test_two_adjoining_windows_hold_every_job_once(api: Api, stores: Stores) -> None:
    rows = (await api.http.post("/v1/jobs/bulk", json={"jobs": [{"name": "work"}] * 10})).json()["results"]
    at = rows[0]["job"]["created_at"]
    await submit(stores, name="other")

    async def count(**window: str) -> int:
        return len((await api.http.get("/v1/jobs", params=window)).json()["items"])

    assert await count(created_before=at) + await count(created_after=at) == 11
    # Between two milliseconds: what was created before is before.
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
        answer = await api.http.post("/v1/bulk-actions", json=body)
        assert answer.json()["filter"]["created_after"] == shown


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
        answer = await api.http.patch("/v1/queues/new", json={"max_depth": 1}, headers=headers)
        problem(answer, 412, "version_mismatch")
