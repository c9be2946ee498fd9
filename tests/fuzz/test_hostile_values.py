"""Every operation, every value in it: a hostile value gets a clean refusal, or is treated as data."""

import itertools
import random
import re
import time
from collections.abc import Iterator

import httpx
import pytest
from jsonschema import ValidationError

from service.api.requests.long_polls import MAX_WAIT
from service.store.namespace import Namespace
from service.store.redis.connect import connect
from tests.api.document import OPERATIONS, Operation
from tests.api.keys import authorization
from tests.api.resources import make
from tests.e2e.processes import Cluster
from tests.fuzz.budget import LONG_SECONDS, ONE_IN, SLOWEST_SECONDS
from tests.fuzz.hostile_requests import HostileRequest, requests_of

pytestmark = pytest.mark.timeout(60 + LONG_SECONDS)
#: Words that no response may contain: the store, its scripts, and the internals of this program.
INTERNALS = re.compile(
    r"(?i:redis|evalsha|user_script|errors\.pydantic\.dev|\.lua\b|traceback \(most recent)"
    r"|\bERR |WRONGTYPE|f_[0-9a-f]{40}|Traceback|Error\b.*\bline ",
    re.DOTALL,
)


def chosen(operation: Operation) -> Iterator[HostileRequest]:
    every = [request for request in requests_of(operation) if not waits(request.query.get("wait", ""))]
    yield from (request for request in every if request.always)
    rest = [request for request in every if not request.always]
    # The same requests in each run, and different ones for each operation.
    random.Random(operation.id).shuffle(rest)
    yield from itertools.islice(rest, 0, None, ONE_IN)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
async def test_a_hostile_value_gets_a_documented_response_soon(
    cluster: Cluster, operation: Operation, namespace: str
) -> None:
    redis = connect(cluster.server.url, socket_timeout=10)
    faults: list[str] = []
    resource: dict[str, str] = {}
    key: dict[bytes, bytes] = {}
    number = -1
    try:
        async with httpx.AsyncClient(base_url=cluster.http.base_url, timeout=30) as http:
            for number, request in enumerate(chosen(operation)):
                # A write gets its own namespace, because the last one may have used up its resource.
                owner = namespace if operation.method == "GET" else f"{namespace}-{number}"
                if operation.method != "GET" or number == 0:
                    store = Namespace(redis, owner, 1_000_000)
                    resource = await make(store, operation) if operation.parameters("path") else {}
                    found = await authorization(redis, owner)
                    key = {name.encode(): value.encode() for name, value in found.items()}
                faults += await send(http, request, request.address(resource), {**key, **header(request)})
    finally:
        # Keys stay, because their names do not show their namespace.
        async for name in redis.scan_iter(match=f"triage:{{{namespace}*", count=1_000):
            await redis.unlink(name)
        await redis.aclose()
    assert number >= 0
    assert not faults, "\n".join(faults)


def waits(text: str) -> bool:
    """A valid wait takes its time; other tests cover those."""
    return text.replace(".", "", 1).isdecimal() and 0 < float(text) <= MAX_WAIT


def header(request: HostileRequest) -> dict[bytes, bytes]:
    given = {name.encode(): value for name, value in request.headers.items()}
    return given if request.content is None else {b"Content-Type": b"application/json", **given}


async def send(
    http: httpx.AsyncClient, request: HostileRequest, url: str, headers: dict[bytes, bytes]
) -> list[str]:
    """The fault of the response, if it has one."""
    operation, before = request.operation, time.monotonic()
    async with http.stream(operation.method, url, content=request.content, headers=headers) as response:
        streaming = response.headers.get("content-type", "").startswith("text/event-stream")
        text = "" if streaming else (await response.aread()).decode()
    seconds = time.monotonic() - before
    return [
        f"{operation.id}: {request.what} -> {response.status_code} in {seconds:.2f} s: {fault}"
        for fault in faults_of(operation, response, text, seconds, streaming)
    ]


def faults_of(
    operation: Operation, response: httpx.Response, text: str, seconds: float, streaming: bool
) -> Iterator[str]:
    if response.status_code >= 500:
        yield text
    if seconds > SLOWEST_SECONDS:
        yield "slow"
    if response.status_code >= 400:
        yield from (f"it says {word[0]}: {text}" for word in INTERNALS.finditer(text))
    if str(response.status_code) not in operation.declared["responses"]:
        yield f"undocumented: {text}"
    elif not streaming:
        try:
            operation.conforms(response)
        except (AssertionError, ValidationError) as error:
            yield f"not as documented: {error}"
