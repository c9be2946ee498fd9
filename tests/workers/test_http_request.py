import asyncio
import base64
import gzip
import hashlib
import hmac
import ipaddress
from typing import Any, cast

import httpx
import pytest
from pydantic import SecretStr

from service.settings import Settings
from service.tasks import end
from workers.handler import NonRetryable, RateLimited
from workers.http.headers import retry_after
from workers.http.http_request import MAX_BODY, HttpRequest, UnexpectedStatus, http_request
from workers.http.outbound_guard import AddressRefused, Allowed, GuardedBackend, GuardedTransport, is_public
from workers.http.resolver import resolver_of

pytestmark = pytest.mark.anyio

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


class Server:
    """Sends `response` to every request, or nothing when that is None, and records what it received."""

    def __init__(self):
        self.response: bytes | None = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
        self.requests: list[bytes] = []
        self.url = ""
        self.connections: set[asyncio.Task[Any]] = set()

    async def serve(self, reader, writer):
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self.connections.add(task)
        task.add_done_callback(self.connections.discard)
        try:
            await self.converse(reader, writer)
        finally:
            writer.close()

    async def converse(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        body = await reader.readexactly(int(length[0].split(b":")[1])) if length else b""
        self.requests.append(head + body)
        if self.response is None:
            await reader.read()
        else:
            writer.write(self.response)

    def says(self, status, body=b"", **headers):
        lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.response = "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.fixture
async def server():
    server = Server()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/path"
    yield server
    listener.close()
    await listener.wait_closed()
    await end(server.connections)


def call(url, allow="127.0.0.0/8", secret="", **fields):
    settings = Settings(http_allow=allow, http_signing_secret=SecretStr(secret))
    return http_request({"settings": settings, "job_id": "job_1"}, HttpRequest(url=url, **fields))


async def test_a_get_returns_status_headers_and_body(server):
    server.says(200, b"hello", content_type="text/plain")
    response = await call(server.url)
    assert (response["status"], response["body"]) == (200, "hello")
    assert response["headers"]["content-type"] == "text/plain"
    assert server.requests[0].startswith(b"GET /path HTTP/1.1\r\n")
    assert b"cookie" not in server.requests[0].lower()


async def test_json_is_sent_and_read_as_values(server):
    server.says(201, b'{"id":7}', content_type="application/json; charset=utf-8")
    response = await call(server.url, method="POST", body={"a": [1]}, headers={"X-Own": "1"})
    assert response["body"] == {"id": 7}
    assert server.requests[0].endswith(b'{"a":[1]}')
    assert b"content-type: application/json" in server.requests[0].lower()
    assert b"x-own: 1" in server.requests[0].lower()


async def test_a_text_body_is_sent_as_it_is(server):
    await call(
        server.url, method="PUT", body="a=b", headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert server.requests[0].endswith(b"a=b")
    assert server.requests[0].lower().count(b"content-type:") == 1
    assert b"x-www-form-urlencoded" in server.requests[0]


@pytest.mark.parametrize("status", [301, 404, 500])
async def test_another_status_is_a_failure_and_a_redirect_is_not_followed(server, status):
    server.says(status, location="/elsewhere")
    with pytest.raises(UnexpectedStatus, match=f"GET 127.0.0.1 responded with {status}"):
        await call(server.url + "?token=secret")
    assert len(server.requests) == 1


async def test_an_expected_status_is_a_success(server):
    server.says(404)
    assert (await call(server.url, expect_status=404))["status"] == 404
    assert (await call(server.url, expect_status=[200, 404]))["status"] == 404


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_freezes_the_limit_key(server, status):
    server.says(status, retry_after=7)
    with pytest.raises(RateLimited) as caught:
        await call(server.url)
    assert caught.value.delay_ms == 7000


async def test_a_busy_server_without_retry_after_is_an_ordinary_failure(server):
    server.says(503)
    with pytest.raises(UnexpectedStatus):
        await call(server.url)


def test_retry_after_may_be_a_date_and_is_bounded():
    assert retry_after("Wed, 21 Oct 2015 07:28:10 GMT", 1_445_412_480) == 10
    assert retry_after("Wed, 21 Oct 2015 07:28:10 GMT", 2_000_000_000) == 0
    assert retry_after("999999999", 0) == 86_400
    assert retry_after("soon", 0) is None
    assert retry_after("", 0) is None


async def test_a_body_is_cut_at_its_limit(server):
    server.says(200, b"x" * (MAX_BODY + 1))
    response = await call(server.url)
    assert (len(response["body"]), response["truncated"]) == (MAX_BODY, True)


async def test_a_body_that_grows_when_it_is_decompressed_is_cut_as_well(server):
    server.says(200, gzip.compress(b"x" * 30_000_000), content_encoding="gzip")
    response = await call(server.url)
    assert (len(response["body"]), response["truncated"]) == (MAX_BODY, True)


async def test_a_server_that_never_responds_costs_the_timeout_and_no_more(server):
    server.response = None
    with pytest.raises((TimeoutError, httpx.ReadTimeout)):
        await call(server.url, timeout_seconds=0.2)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://127.1/",
        "http://0/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data",
        "http://[64:ff9b::a9fe:a9fe]/",
        "https://10.0.0.1/",
        "http://user:password@example.com/",
        "http://127.0.0.1@example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "http:///path",
        "nonsense",
    ],
)
async def test_addresses_that_are_not_public_http_are_refused_permanently(url):
    with pytest.raises(NonRetryable):
        await call(url, allow="", timeout_seconds=2)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.31.0.1", "192.0.0.192",
        "192.168.1.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16",
        "::", "::1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::1", "64:ff9b:1::1",
        "2002:7f00:1::", "2001::1",
        "2001:db8::1", "fc00::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "100::1",
    ],
)  # fmt: skip
def test_an_address_with_a_special_meaning_is_not_public(address):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_an_ordinary_address_is_public(address):
    assert is_public(ipaddress.ip_address(address))


async def test_one_bad_address_among_good_ones_refuses_the_host():
    async def resolve(host, port):
        return ["1.1.1.1", "127.0.0.1"]

    with pytest.raises(AddressRefused, match=r"127\.0\.0\.1"):
        await GuardedBackend(Allowed.parse(""), resolve).connect_tcp("rebind.example", 80)


async def test_a_name_is_resolved_once_and_the_checked_address_is_used(server):
    asked = []

    async def resolve(host, port):
        asked.append(host)
        return ["127.0.0.1"]

    port = httpx.URL(server.url).port
    transport = GuardedTransport(Allowed.parse("127.0.0.1"), resolve)
    async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
        response = await client.get(f"http://name.example:{port}/")
    assert response.status_code == 200
    assert asked == ["name.example"]
    assert b"host: name.example" in server.requests[0].lower()


async def test_the_transport_really_connects_through_the_guard():
    """Uses httpx's private `_pool`: if httpx ignored it, this request would reach the loopback address."""
    async with httpx.AsyncClient(
        transport=GuardedTransport(Allowed.parse(""), resolver_of("").addresses), trust_env=False
    ) as client:
        with pytest.raises(AddressRefused):
            await client.get("http://127.0.0.1:9/")


@pytest.mark.parametrize("allow", ["127.0.0.1", "127.0.0.0/8", "10.0.0.0/8, 127.0.0.1/32"])
async def test_an_address_that_is_allowed_is_reached(server, allow):
    assert (await call(server.url, allow=allow))["status"] == 200


async def test_a_host_that_is_allowed_is_reached_by_its_name_only(server):
    by_name = server.url.replace("127.0.0.1", "localhost")
    assert (await call(by_name, allow="LOCALHOST"))["status"] == 200
    with pytest.raises(NonRetryable):
        await call(server.url, allow="localhost")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "internal"),
        ("Content-Length", "0"),
        ("transfer-encoding", "chunked"),
        ("Connection", "close"),
        ("Authorization", "Bearer x"),
        ("webhook-id", "forged"),
        ("X-A", "1\r\nX-B: 2"),
        ("X-A", "a\x00"),
        ("X A", "1"),
        ("", "1"),
    ],
)
async def test_a_header_that_could_change_the_message_is_refused(server, name, value):
    with pytest.raises(NonRetryable):
        await call(server.url, headers={name: value})
    assert server.requests == []


async def test_the_request_is_signed_with_the_id_of_the_job(server):
    await call(server.url, secret=SECRET, method="POST", body={"a": 1})
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    sent = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    exact = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"webhook-signature"))
    signed = b"job_1." + sent[b"webhook-timestamp"] + b"." + body
    expected = base64.b64encode(hmac.digest(b"k" * 32, signed, hashlib.sha256))
    assert sent[b"webhook-id"] == b"job_1"
    assert exact.endswith(b"v1," + expected)


async def test_nothing_is_signed_without_a_secret(server):
    await call(server.url)
    assert b"webhook-" not in server.requests[0].lower()


async def test_the_call_carries_the_trace_of_its_run_unless_the_job_names_another(server):
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    context = {"settings": Settings(http_allow="127.0.0.0/8"), "job_id": "job_1", "traceparent": trace}

    await http_request(context, HttpRequest(url=server.url, timeout_seconds=5))
    await http_request(
        context, HttpRequest(url=server.url, timeout_seconds=5, headers={"traceparent": "own"})
    )

    assert f"traceparent: {trace}\r\n".encode() in server.requests[0].lower()
    assert b"traceparent: own\r\n" in server.requests[1].lower()
