"""TRIAGE_NAMESPACES: names, patterns and weights."""

import pytest

from service.domain.errors import ConfigurationInvalid
from service.namespace_weights import parse_namespaces
from service.settings import Settings, load_settings


@pytest.mark.parametrize(
    ("text", "existing", "expected"),
    [
        ("a", [], {"a": 1}),
        (" a=3, b ", [], {"a": 3, "b": 1}),
        ("team-*", ["team-1", "team-", "xteam-1", "team"], {"team-1": 1, "team-": 1}),
        ("*=2", ["a", "b.c"], {"a": 2, "b.c": 2}),
        ("*-eu", ["a-eu", "a-eu-1"], {"a-eu": 1}),
        # A dot in a name matches only a dot.
        ("a.*", ["a.b", "axb"], {"a.b": 1}),
        # Names go first, then the first pattern.
        ("team-*=2,team-1=5,*=1", ["team-1", "team-2", "other"], {"team-1": 5, "team-2": 2, "other": 1}),
    ],
)
def test_weights_of_the_namespaces_that_exist(
    text: str, existing: list[str], expected: dict[str, int]
) -> None:
    assert parse_namespaces(text).among(existing) == expected


@pytest.mark.parametrize("text", ["a b", "=1", "a=0", "a=1001", "a=x", "-a", "a/b", "a" * 65, "a?", "a,b c"])
def test_what_is_no_list_of_namespaces_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIAGE_NAMESPACES", text)
    with pytest.raises(ConfigurationInvalid, match="TRIAGE_NAMESPACES"):
        load_settings()


@pytest.mark.parametrize(("text", "several"), [("", False), ("a", False), ("a,b", True), ("a*", True)])
def test_one_name_is_like_the_setting_for_one(text: str, several: bool) -> None:
    settings = Settings(namespace="shop", namespaces=text)
    weights = settings.namespace_weights
    assert weights.several is several
    if not several:
        assert dict(weights.names) == {text or "shop": 1}
