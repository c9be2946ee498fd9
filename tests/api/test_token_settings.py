"""Token settings: complete or absent, and key locations that an attacker cannot control."""

import pytest

from service.domain.errors import ConfigurationInvalid
from service.settings import load_settings

GOOD = {
    "ISSUER": "https://issuer.example.com/",
    "AUDIENCE": "triage",
    "JWKS_URL": "https://issuer.example.com/jwks",
}


def given(patch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        patch.setenv(f"TRIAGE_JWT_{name}", value)


@pytest.mark.parametrize(
    "url",
    [
        "https://issuer.example.com/jwks?tenant=a",
        "https://[2001:db8::1]:8443/jwks",
        "http://127.0.0.1:8000/jwks",
        "http://localhost/jwks",
        "http://[::1]:8000/jwks",
        "file:///etc/triage/jwks.json",
    ],
)
def test_keys_may_come_from_here(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    given(monkeypatch, **{**GOOD, "JWKS_URL": url})
    assert load_settings().jwt_jwks_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://issuer.example.com/jwks",
        "http://10.0.0.1/jwks",
        "http://127.0.0.1.example.com/jwks",
        "http://localhost@issuer.example.com/jwks",
        "https://user:PASSWORD@issuer.example.com/jwks",
        "https:///jwks",
        "https://issuer.example.com:port/jwks",
        "https://issuer.example.com/jwks#keys",
        "https://[::1/jwks",
        "ftp://issuer.example.com/jwks",
        "file://server/jwks.json",
        "file:jwks.json",
        "issuer.example.com/jwks",
        "/etc/triage/jwks.json",
    ],
)
def test_keys_may_not_come_from_here(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    given(monkeypatch, **{**GOOD, "JWKS_URL": url})
    with pytest.raises(ConfigurationInvalid, match=r"^TRIAGE_JWT_JWKS_URL: ") as refusal:
        load_settings()
    assert "PASSWORD" not in refusal.value.message


@pytest.mark.parametrize("missing", GOOD)
def test_incomplete_settings_are_an_error(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    given(monkeypatch, **{name: value for name, value in GOOD.items() if name != missing})
    with pytest.raises(ConfigurationInvalid, match="set all three or none"):
        load_settings()
    given(monkeypatch, **{missing: ""})
    with pytest.raises(ConfigurationInvalid, match="set all three or none"):
        load_settings()


def test_tokens_are_off_by_default() -> None:
    settings = load_settings()
    assert (settings.jwt_issuer, settings.jwt_audience, settings.jwt_jwks_url) == ("", "", "")


@pytest.mark.parametrize("claim", ["NAMESPACE_CLAIM", "SCOPES_CLAIM"])
def test_a_claim_has_a_name(monkeypatch: pytest.MonkeyPatch, claim: str) -> None:
    given(monkeypatch, **GOOD, **{claim: ""})
    with pytest.raises(ConfigurationInvalid, match=f"^TRIAGE_JWT_{claim}: "):
        load_settings()
