"""A cursor is a position in one of the caller's lists, even if a client tampers with it."""

import asyncio
from base64 import urlsafe_b64decode
from typing import Any

import pytest

from service.store.cursors import encode_cursor
from service.store.namespace import Namespace
from tests.api.client import Api, problem
from tests.support.factories import submit


async def test_no_tampered_cursor_leaves_the_namespace_or_breaks_the_list(api: Api, store: Namespace) -> None:
    own = {await submit(store) for _ in range(3)}
    cursor = (await api.http.get("/v1/jobs", params={"limit": 1})).json()["next_cursor"]
    forged = [
        cursor[:at] + character + cursor[at + 1 :] for at in range(len(cursor)) for character in "A9_%\x00"
    ]
    forged += [
        cursor + "A",
        cursor[:-1],
        cursor * 2,
        cursor.swapcase(),
        "=",
        "AAAA",
        "a" * 512,
        "\u202e",
        "é",
    ]
    for text in forged:
        response = await api.http.get("/v1/jobs", params={"cursor": text})
        if response.status_code == 200:
            assert {job["id"] for job in response.json()["items"]} <= own
        else:
            problem(response, 400, "cursor_invalid")


async def test_a_cursor_of_another_list_is_refused_or_harmless(api: Api, store: Namespace) -> None:
    for queue in ("one", "two"):
        await submit(store, queue=queue)
    lists = ("/v1/jobs", "/v1/queues", "/v1/dlq")
    pages: list[Any] = [(await api.http.get(path, params={"limit": 1})).json() for path in lists]
    for cursor in {page["next_cursor"] for page in pages} - {None}:
        responses = await asyncio.gather(*[api.http.get(path, params={"cursor": cursor}) for path in lists])
        assert {response.status_code for response in responses} <= {200, 400}


@pytest.mark.parametrize(
    "text",
    [
        "5|flow_01M85QCM3VN2A0H686WCBXCF8E",
        "5|job_01M85QCM3VN2A0H686WCBXCF8",
        "5|",
        "5",
        "-5|job_01M85QCM3VN2A0H686WCBXCF8E",
        "5|job_01M85QCM3VN2A0H686WCBXCF8E|",
    ],
)
async def test_a_place_that_no_list_of_jobs_has_is_refused(api: Api, text: str) -> None:
    response = await api.http.get("/v1/jobs", params={"cursor": encode_cursor(text)})
    problem(response, 400, "cursor_invalid")


async def test_a_cursor_is_accepted_only_in_its_canonical_form(api: Api) -> None:
    """The unused bits of the last base64 character must be zero."""
    cursor = encode_cursor(5, "job_01M85QCM3VN2A0H686WCBXCF8E")
    assert (await api.http.get("/v1/jobs", params={"cursor": cursor})).status_code == 200
    other = cursor[:-1] + chr(ord(cursor[-1]) + 1)
    assert urlsafe_b64decode(other + "=" * (-len(other) % 4)) == urlsafe_b64decode(
        cursor + "=" * (-len(cursor) % 4)
    )
    problem(await api.http.get("/v1/jobs", params={"cursor": other}), 400, "cursor_invalid")
