"""The record of a job is small, and long texts survive in it whatever their length."""

import re
from typing import Any

import orjson
import pytest

from service.domain.job_spec import JobSpec
from service.domain.outcome import Failed, Failure, Succeeded
from service.domain.retry import RetryPolicy
from service.store.codec.fields import PIECE, PIECES
from service.store.namespace import Namespace
from service.store.redis import keys, lua_source
from tests.support import invariants
from tests.support.factories import claim, finish, submit

pytestmark = pytest.mark.anyio

#: Around the length of one piece, of two, and of the longest text that is split.
LENGTHS = [10, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 4 * PIECE, 4 * PIECE + 1, 5_000]


def text(length: int) -> bytes:
    """JSON of so many bytes, without a repetition that would hide a wrong order."""
    digits = "".join(f"{number:04d}" for number in range(length // 4 + 1))
    return b'{"":"%s"}' % digits[: length - 7].encode()


def test_scripts_and_codec_split_texts_alike() -> None:
    source = lua_source.library("texts")
    assert re.findall(r"^local PIECE = (\d+)$", source, re.MULTILINE) == [str(PIECE)]
    (table,) = re.findall(r"^local PIECES = \{(.+)\}$", source, re.MULTILINE)
    assert dict(re.findall(r"(\w+) = (\d+)", table)) == {name: str(count) for name, count in PIECES.items()}


async def encoding(store: Namespace, id: str) -> bytes:
    redis: Any = store.scripts.redis
    return await redis.object("encoding", keys.job(store.scripts.prefix, id=id))


async def test_the_record_of_a_small_job_is_a_list_in_every_state(store: Namespace) -> None:
    id = await submit(store, payload=text(200), retry=RetryPolicy())
    redis: Any = store.scripts.redis
    key = keys.job(store.scripts.prefix, id=id)
    assert await encoding(store, id) == b"listpack"
    assert await redis.memory_usage(key, samples=0) < 500
    (lease,) = (await claim(store)).leases
    assert await encoding(store, id) == b"listpack"
    await finish(store, lease, Succeeded(text(200)))
    assert await encoding(store, id) == b"listpack"


@pytest.mark.parametrize("length", LENGTHS)
async def test_texts_of_any_length_are_read_as_they_were_written(store: Namespace, length: int) -> None:
    id = await submit(store, payload=text(length))
    (lease,) = (await claim(store)).leases
    assert lease.job.payload == text(length)
    await finish(store, lease, Succeeded(text(length)))
    job = await store.queries.job(id)
    assert job is not None
    assert (job.payload, job.result) == (text(length), text(length))
    (listed,) = await store.queries.previews([id])
    assert listed is not None
    assert (listed.payload, listed.result) == (text(length), text(length))
    await invariants.check(store)


@pytest.mark.parametrize("before", [300, 200, 100])
@pytest.mark.parametrize("after", [10, PIECE, 150, 300])
async def test_nothing_is_left_of_a_text_that_was_replaced(store: Namespace, before: int, after: int) -> None:
    id = await submit(store, payload=text(before))
    (lease,) = (await claim(store)).leases
    await finish(store, lease, Failed(Failure("E", "x" * before, ""), retryable=False))
    job = await store.queries.job(id)
    assert job is not None
    assert orjson.loads(job.error or b"")["message"] == "x" * before
    await store.jobs.redrive([id], payload=text(after))
    (lease,) = (await claim(store)).leases
    assert (lease.job.payload, lease.job.error) == (text(after), None)
    await finish(store, lease, Failed(Failure("E", "y" * after, ""), retryable=False))
    job = await store.queries.job(id)
    assert job is not None
    assert orjson.loads(job.error or b"")["message"] == "y" * after


async def test_a_sent_policy_replaces_options_of_several_pieces(store: Namespace) -> None:
    spec: dict[str, Any] = {
        "traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01",
        "redact": ("/card" * 9,),
    }
    id = await submit(store, **spec)
    await store.jobs.update(id, retry=RetryPolicy(max_attempts=7))
    job = await store.queries.job(id)
    assert job is not None
    assert (job.retry, job.traceparent, job.redact) == (
        RetryPolicy(max_attempts=7),
        spec["traceparent"],
        spec["redact"],
    )
    assert job.timeout_ms == JobSpec("work").timeout_ms
