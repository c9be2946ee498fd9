"""A token issuer: its own keys, and an HTTP server on loopback that publishes their public halves."""

import asyncio
import base64
import contextlib
import functools
import json
import time
from collections.abc import AsyncGenerator
from typing import Any, cast

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from service.tasks import end

ISSUER = "https://issuer.example.com/"
AUDIENCE = "triage"
KIND = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}


@functools.cache
def private_key(kind: str, number: int = 0, bits: int = 2048) -> Any:
    """Cached, because generating an RSA key is slow."""
    match kind:
        case "RSA":
            return rsa.generate_private_key(65_537, bits)
        case "EC":
            return ec.generate_private_key(ec.SECP256R1())
        case "P-384":
            return ec.generate_private_key(ec.SECP384R1())
        case _:
            return ed25519.Ed25519PrivateKey.generate()


def jwk(key: Any, kid: str | None, **fields: Any) -> dict[str, Any]:
    """The public half, as an entry of a JWK set."""
    kinds = {rsa.RSAPrivateKey: "RS256", ec.EllipticCurvePrivateKey: "ES256"}
    name = next((name for kind, name in kinds.items() if isinstance(key, kind)), "EdDSA")
    algorithm: Any = get_default_algorithms()[name]
    row = json.loads(algorithm.to_jwk(key.public_key()))
    row.pop("key_ops", None)
    return {**row, **({} if kid is None else {"kid": kid}), **fields}


def claims(namespace: str, **others: Any) -> dict[str, Any]:
    """The claims of a good token; None removes a claim."""
    every = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": int(time.time()) + 300,
        "sub": "alice",
        "triage_namespace": namespace,
        "scope": "jobs:read jobs:write profile",
        **others,
    }
    return {name: value for name, value in every.items() if value is not None}


def encoded(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(payload: dict[str, Any], kid: str | None = "RSA", algorithm: str = "RS256", **header: Any) -> str:
    """A token as an issuer makes it, signed with the key that its set publishes under this id."""
    key = private_key(KIND.get(algorithm, "RSA"))
    return jwt.encode(payload, key, algorithm, {**header, **({} if kid is None else {"kid": kid})})


class Issuer:
    """Its server sends `response` as raw bytes and records request lines in `asked`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.response: bytes = b""
        #: While cleared, requests wait.
        self.open = asyncio.Event()
        self.open.set()
        self.port = 0
        #: The open connections.
        self.connections: set[asyncio.Task[Any]] = set()
        self.publishes(*(jwk(private_key(kind), kind) for kind in ("RSA", "EC", "OKP")))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/jwks"

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "auth": "required",
            "jwt_issuer": ISSUER,
            "jwt_audience": AUDIENCE,
            "jwt_jwks_url": self.url,
        }

    def publishes(self, *keys: dict[str, Any]) -> None:
        self.says(json.dumps({"keys": keys}).encode())

    def says(self, body: bytes, status: int = 200, **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", "connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.response = "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self.connections.add(task)
        task.add_done_callback(self.connections.discard)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                self.asked.append(head.split(b"\r\n")[0].decode())
                await self.open.wait()
                writer.write(self.response)
                await writer.drain()
            finally:
                writer.close()
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def issuing(**options: Any) -> AsyncGenerator[Issuer]:
    """Passes `options`, such as `ssl`, to asyncio.start_server."""
    issuer = Issuer()
    server = await asyncio.start_server(issuer.serve, "127.0.0.1", 0, **options)
    issuer.port = server.sockets[0].getsockname()[1]
    yield issuer
    issuer.open.set()
    server.close()
    await server.wait_closed()
    # Server.close() does not wait for connections, and the test's event loop is about to close.
    await end(issuer.connections)
