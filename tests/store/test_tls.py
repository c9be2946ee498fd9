"""TLS with client certificates, on Debian's Redis, because the embedded server has none."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.domain.errors import BackendUnavailable, ConfigurationInvalid
from service.store.namespace import Namespace
from service.store.redis.connect import connect, connect_blocking
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
