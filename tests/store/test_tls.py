"""TLS with client certificates, on Debian's Redis, because the embedded server has none."""

import asyncio
import contextlib
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from redis.exceptions import RedisError

from service.domain.errors import BackendUnavailable, ConfigurationInvalid
from service.store.namespace import Namespace
from service.store.redis.connect import connect, connect_blocking, ping
from service.store.redis.scripts import BlockingScripts
from service.store.redis.server_check import check_server
from tests.conftest import REDIS
from tests.support.certificates import write_certificate
from tests.support.deployments import ClusterDeployment, free_ports
from tests.support.eventually import eventually
from tests.support.factories import submit

pytestmark = [pytest.mark.anyio, pytest.mark.server]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def port(certificate: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of a cluster of one master that accepts only clients with the certificate."""
    if not REDIS.exists():
        pytest.fail(f"{REDIS} is missing: run `make redis`.", pytrace=False)
    (port,) = free_ports(1)
    names = ("--tls-cert-file", "--tls-key-file", "--tls-ca-cert-file")
    options = [
        "--tls-port",
        str(port),
        "--tls-cluster",
        "yes",
        *(word for name in names for word in (name, str(certificate))),
    ]
    with ClusterDeployment(tmp_path_factory.mktemp("tls"), REDIS, options=options):
        yield port


@pytest.mark.parametrize("scheme", ["rediss", "rediss+cluster"])
async def test_jobs_are_stored_over_tls(scheme: str, port: int, certificate: Path, namespace: str) -> None:
    url = f"{scheme}://127.0.0.1:{port}?ssl_ca_certs={certificate}&ssl_check_hostname=true"

    async def refused() -> None:
        with contextlib.suppress(BackendUnavailable):
            await check_server(url, patient=False)
        raise AssertionError("not refused")

    with pytest.raises(ConfigurationInvalid, match="TLS"):
        # Without a client certificate.
        await eventually(refused)
    url += f"&ssl_certfile={certificate}&ssl_keyfile={certificate}"

    async def usable() -> None:
        # The time-outs are short for a handshake on a machine under load.
        assert await check_server(url, patient=True) is None

    await eventually(usable)
    redis = connect(url, socket_timeout=10)
    store = Namespace(redis, namespace, 0)
    id = await submit(store)
    assert await store.queries.job(id) is not None
    async with store.change_feed.watch(id):
        pass
    await store.change_feed.close()
    blocking = connect_blocking(url)
    BlockingScripts(blocking, namespace).run("api_heartbeat", [1000, 0])
    blocking.close()
    await redis.aclose()


async def test_renewed_certificates_are_read_without_a_restart(
    port: int, certificate: Path, tmp_path: Path
) -> None:
    """As Kubernetes renews the files of a Secret that it has mounted."""
    own, another = tmp_path / "own.pem", write_certificate(tmp_path)
    urls = [
        f"rediss://127.0.0.1:{port}?ssl_ca_certs={file}&ssl_certfile={file}&ssl_keyfile={file}"
        for file in (certificate, own)
    ]
    shutil.copyfile(certificate, own)
    # One connection, so that it connects again.
    redis, blocking = connect(urls[1], max_connections=1, socket_timeout=10), connect_blocking(urls[1])
    for content, works in ((certificate, True), (another, False), (certificate, True)):
        shutil.copyfile(content, own)
        with connect_blocking(urls[0]) as admin:
            admin.execute_command("CLIENT KILL", "TYPE", "normal")
        for call in (partial(ping, redis), partial(asyncio.to_thread, blocking.ping)):
            # The first call may only find out that its connection has ended.
            with contextlib.suppress(BackendUnavailable, RedisError):
                await call()
            with contextlib.nullcontext() if works else pytest.raises((BackendUnavailable, RedisError)):
                await call()
    await redis.aclose()
    blocking.close()
