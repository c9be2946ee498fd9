"""Kubernetes sets variables for each Service of a namespace, and a Service may be called triage."""

import pytest

from service.commands.container import _port
from service.domain.errors import ConfigurationInvalid
from service.settings import ignored_variables, load_settings


def links(service: str, address: str = "10.0.0.1", port: int = 8080, protocol: str = "tcp") -> dict[str, str]:
    """As the kubelet makes them."""
    name, whole = service.upper().replace("-", "_"), f"{protocol}://{address}:{port}"
    part = f"{name}_PORT_{port}_{protocol.upper()}"
    return {
        f"{name}_SERVICE_HOST": address,
        f"{name}_SERVICE_PORT": str(port),
        f"{name}_SERVICE_PORT_HTTP": str(port),
        f"{name}_PORT": whole,
        part: whole,
        f"{part}_PROTO": protocol,
        f"{part}_PORT": str(port),
        f"{part}_ADDR": address,
    }


@pytest.mark.parametrize("service", ["triage", "triage-api", "triage-worker", "triage-redis", "triage-host"])
@pytest.mark.parametrize(
    ("address", "protocol"), [("10.0.0.1", "tcp"), ("fd00::1", "tcp"), ("10.0.0.1", "udp")]
)
def test_variables_of_services_are_ignored_and_named(
    service: str, address: str, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = links(service, address, protocol=protocol)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (settings.port, settings.worker_port, settings.host) == (8080, 8081, "127.0.0.1")
    assert ignored_variables() == sorted(given)
    assert _port("TRIAGE_PORT", 8080) == 8080


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRIAGE_PORT", "tcp://elsewhere"),
        ("TRIAGE_PORT", "8080/tcp"),
        ("TRIAGE_CONCURRENCY", "tcp://10.0.0.1:8080"),
        ("TRIAGE_API_PORT", "8080"),
        ("TRIAGE_SERVICE_HOST", "example.org"),
        ("TRIAGE_SERVICES", "10.0.0.1"),
    ],
)
def test_similar_variables_are_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationInvalid, match=name):
        load_settings()


def test_settings_of_their_names_are_still_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIAGE_PORT", "9000")
    monkeypatch.setenv("TRIAGE_WORKER_PORT", "9001")
    assert (load_settings().port, load_settings().worker_port, ignored_variables()) == (9000, 9001, [])
    assert _port("TRIAGE_PORT", 8080) == 9000
