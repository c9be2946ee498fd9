"""Fetching a key set: strict about redirects, sizes, times and certificates."""

import asyncio
import datetime
import gzip
import ipaddress
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from service.api.auth import jwks
from service.api.auth.jwks import MAX_BYTES, FetchFailed, fetch
from tests.api.issuer import Issuer, issuing, private_key

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with issuing() as issuer:
        yield issuer


async def fails(url: str, reason: str) -> None:
    with pytest.raises(FetchFailed) as failure:
        await fetch(url)
    assert failure.value.reason == reason


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_refused(issuer: Issuer, status: int) -> None:
    issuer.says(issuer.response.partition(b"\r\n\r\n")[2], status, location=f"{issuer.url}?followed")
    await fails(issuer.url, f"status_{status}")
    assert issuer.asked == ["GET /jwks HTTP/1.1"]


async def test_of_an_endless_response_little_is_read(issuer: Issuer) -> None:
    issuer.says(b" " * MAX_BYTES)
    assert len(await fetch(issuer.url)) == MAX_BYTES
    issuer.says(b" " * (MAX_BYTES + 1))
    await fails(issuer.url, "too_large")
    # Chunked, without an end: a length that the issuer declared is not trusted either.
    issuer.response = (
        b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n" + b"1000\r\n" + b" " * 4096 + b"\r\n"
    )
    issuer.response += (b"1000\r\n" + b" " * 4096 + b"\r\n") * 400
    await fails(issuer.url, "too_large")


async def test_a_compressed_response_is_not_decompressed(issuer: Issuer) -> None:
    issuer.says(gzip.compress(b" " * 50_000_000), content_encoding="gzip")
    await fails(issuer.url, "encoded")


async def test_a_slow_response_times_out(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "FETCH_SECONDS", 0.1)
    issuer.open.clear()
    await fails(issuer.url, "timeout")


@pytest.mark.parametrize(
    ("response", "reason"), [(b"", "RemoteProtocolError"), (b"nonsense\r\n\r\n", "RemoteProtocolError")]
)
async def test_an_unusable_response_is_reported_with_its_reason(
    issuer: Issuer, response: bytes, reason: str
) -> None:
    issuer.response = response
    await fails(issuer.url, reason)


async def test_a_closed_port_is_reported_with_its_reason(issuer: Issuer) -> None:
    async with issuing() as other:
        address = other.url
    await fails(address, "ConnectionRefusedError")


async def test_proxy_variables_of_the_environment_are_ignored(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with issuing() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await fetch(issuer.url)
        assert proxy.asked == []


async def test_a_file_is_read_within_the_same_limits(tmp_path: Path) -> None:
    path = tmp_path / "a key set.json"
    path.write_bytes(b" " * MAX_BYTES)
    assert len(await fetch(path.as_uri())) == MAX_BYTES
    path.write_bytes(b" " * (MAX_BYTES + 1))
    await fails(path.as_uri(), "too_large")
    path.unlink()
    await fails(path.as_uri(), "FileNotFoundError")


def certificate(directory: Path) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key in the same file."""
    key, name = private_key("EC"), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    path = directory / "certificate.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(made.public_bytes(pem) + private)
    return path


async def test_a_certificate_is_verified(tmp_path: Path) -> None:
    path = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    async with issuing(ssl=context) as issuer:
        address = issuer.url.replace("http:", "https:")
        await fails(address, "SSLCertVerificationError")
        assert issuer.asked == []
        # SSL_CERT_FILE adds a custom authority for the whole process.
        code = f"import asyncio; from service.api.auth.jwks import fetch; asyncio.run(fetch({address!r}))"
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            code,
            cwd=ROOT,
            env={**os.environ, "SSL_CERT_FILE": str(path)},
            stderr=subprocess.PIPE,
        )
        _, complaint = await process.communicate()
        assert process.returncode == 0, complaint.decode()
        assert issuer.asked == ["GET /jwks HTTP/1.1"]
