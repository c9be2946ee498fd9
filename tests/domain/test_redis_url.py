"""TRIAGE_REDIS_URL: which URLs are valid, and that no error message shows any part of a password."""

import re
import traceback
from urllib.parse import quote

import pytest
from redis.connection import parse_url

from service.domain.errors import ConfigurationInvalid
from service.redis_url import address_of, check_redis_url, parse_redis_url, with_passwords
from service.settings import load_settings


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://redis:6379/0", "redis:6379"),
        ("redis://redis", "redis:6379"),
        ("redis://redis/", "redis:6379"),
        ("redis://10.0.0.1:6380/3", "10.0.0.1:6380"),
        ("redis://[::1]:6380", "[::1]:6380"),
        ("redis://[fe80::1]/2", "[fe80::1]:6379"),
        ("redis://my_redis.svc.cluster.local:6379?client_name=triage", "my_redis.svc.cluster.local:6379"),
        ("rediss://user:pass@redis:6379/0?ssl_cert_reqs=none&ssl_check_hostname=false", "redis:6379"),
        ("redis://:p@ss@redis:6379", "redis:6379"),
        ("redis://:%23%2F%3F%40@redis:6379", "redis:6379"),
        ("redis://redis?db=4", "redis:6379"),
        ("unix:///run/redis.sock", "/run/redis.sock"),
        ("unix://user:pass@/run/redis.sock?db=1", "/run/redis.sock"),
    ],
)
def test_a_valid_url_is_read_as_redis_py_reads_it(url: str, address: str) -> None:
    check_redis_url(url)
    assert address_of(url) == address
    parsed = parse_url(url)
    port = parsed.get("port", 6379)
    assert parsed.get("path") == address or address in (
        f"{parsed['host']}:{port}",
        f"[{parsed['host']}]:{port}",
    )


@pytest.mark.parametrize(
    "url",
    [
        "redis",
        "redis:",
        "redis:6379",
        "http://redis:6379",
        "redis+sentinel://redis",
        "redis://",
        "redis:///0",
        "redis://:6379",
        "redis://redis:",
        "redis://redis:abc",
        "redis://redis:0",
        "redis://redis:65536",
        "redis://redis:٣",
        "redis://redis/abc",
        "redis://redis/0/1",
        "redis://redis/0#1",
        "redis://:hunter2#4711@redis:6379/0",
        "redis://redis?client_name=a#b",
        "redis://re dis",
        "redis://redis\n:1",
        "redis://[::1",
        "redis://a,b",
        "redis://redis?db=x",
        "redis://redis?socket_timeout=60",
        "redis://redis?protocol=3",
        "redis://redis?ssl_cert_reqs=none",
        "rediss://redis?ssl_cert_reqs=maybe",
        "rediss://redis?ssl_ca_certs=/nowhere/ca.pem",
        "unix://",
        "unix://run/redis.sock",
        "redis+sentinel://s1/",
        "redis+sentinel://s1//0",
        "redis+sentinel://s1,/mymaster",
        "redis+sentinel://s1:26379;s2/mymaster",
        "redis+sentinel://s1/my master",
        "redis+sentinel://s1/mymaster/x",
        "redis+sentinel://s1/mymaster?ssl_ca_certs=/etc/hosts",
        "redis+cluster://",
        "redis+cluster://a,b:x",
        "redis+cluster://a/1",
        "redis+cluster://a?db=1",
        "redis+cluster://a?sentinel_password=x",
        "redis://redis?sentinel_username=x",
        "unix+cluster://a",
    ],
)
def test_an_invalid_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(must|has|names) "):
        check_redis_url(url)


@pytest.mark.parametrize(
    ("url", "nodes", "server"),
    [
        (
            "redis+sentinel://user:p%40ss@s1:26379,s2,[::1]:7/mymaster/3?client_name=x&sentinel_password=y",
            "s1:26379,s2:26379,[::1]:7/mymaster",
            "redis://user:p%40ss@h:1/3?client_name=x",
        ),
        ("rediss+sentinel://s1/m", "s1:26379/m", "rediss://h:1/"),
        ("redis+cluster://:pw@a:7000,b/0", "a:7000,b:6379", "redis://:pw@h:1/0"),
        ("rediss+cluster://a?ssl_cert_reqs=none", "a:6379", "rediss://h:1/?ssl_cert_reqs=none"),
    ],
)
def test_servers_behind_sentinels_and_of_a_cluster_get_their_own_url(
    url: str, nodes: str, server: str
) -> None:
    check_redis_url(url)
    assert address_of(url) == nodes
    parsed = parse_redis_url(url)
    assert parsed.at(("h", 1)) == server
    check_redis_url(server)
    assert [host for host, _ in parsed.nodes] == [
        node.rpartition(":")[0].strip("[]") for node in nodes.partition("/")[0].split(",")
    ]
    assert "p%40ss" not in repr(parsed)


def test_sentinels_have_their_own_login() -> None:
    url = "redis+sentinel://user:pw@s1/m?sentinel_username=watch&sentinel_password=a%26b"
    assert parse_redis_url(url).sentinel_options == {"username": "watch", "password": "a&b"}


#: Each contains one or more characters with a special meaning in a URL.
PASSWORDS = [
    *(f"hunter2{letter}Zebra99" for letter in "#/?@:%[] \n℀\\"),
    *("#hunter2", "/hunter2", "4711/Zebra99", "4711?Zebra99=1", "4711#Zebra99"),
    *("a/b@c#d?e=hunter2", "hunter2&db=Zebra99"),
]


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize(
    "form",
    [
        "redis://:{}@redis:6379/0",
        "rediss://user:{}@redis",
        "redis://{}:x@redis:6379/0?client_name=x",
        "redis://:{}@redis:port/0",
        "unix://:{}@/run/redis.sock",
        "redis://:{}@/0",
        "redis:/:{}@redis",
        "redis+sentinel://:{}@s1:26379,s2/mymaster/0",
        "redis+sentinel://s1/mymaster?sentinel_password={}",
        "rediss+cluster://user:{}@a,b",
    ],
)
def test_no_part_of_a_password_is_ever_shown(
    form: str, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = form.format(password)
    monkeypatch.setenv("TRIAGE_REDIS_URL", url)
    try:
        settings = load_settings()
        shown = address_of(settings.redis_url) + repr(settings)
    except ConfigurationInvalid as error:
        shown = "".join(traceback.format_exception(error))
    for part in re.findall(r"[A-Za-z0-9]{3,}", password):
        assert part not in shown


@pytest.mark.parametrize("password", PASSWORDS)
def test_an_escaped_password_is_understood(password: str) -> None:
    url = f"redis://:{quote(password, safe='')}@redis:6379/0"
    check_redis_url(url)
    assert (parse_url(url)["password"], address_of(url)) == (password, "redis:6379")


def test_a_line_break_after_a_secret_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIAGE_REDIS_URL", "redis://redis:6379/0\n")
    assert load_settings().redis_url == "redis://redis:6379/0"


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize(
    ("form", "given"),
    [
        ("redis://redis:6379/0", "redis://:{}@redis:6379/0"),
        ("rediss://app@redis?db=2", "rediss://app:{}@redis?db=2"),
        ("redis+cluster://app@a,b", "redis+cluster://app:{}@a,b"),
        ("redis+sentinel://app@s1,s2/m/0", "redis+sentinel://app:{}@s1,s2/m/0"),
        ("unix://app@/run/redis.sock", "unix://app:{}@/run/redis.sock"),
    ],
)
def test_a_password_may_come_from_its_own_variable(
    form: str, given: str, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIAGE_REDIS_URL", form)
    monkeypatch.setenv("TRIAGE_REDIS_PASSWORD", password + "\n")
    settings = load_settings()
    assert settings.redis_url == given.format(quote(password, safe=""))
    # A subprocess gets the whole URL, and the variable as well.
    assert with_passwords(settings.redis_url, password, "") == settings.redis_url


def test_the_sentinels_may_have_their_own_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIAGE_REDIS_URL", "redis+sentinel://s1,s2/m/0?sentinel_username=watch")
    monkeypatch.setenv("TRIAGE_REDIS_SENTINEL_PASSWORD", "a&b")
    parsed = parse_redis_url(load_settings().redis_url)
    assert parsed.sentinel_options == {"username": "watch", "password": "a&b"}


@pytest.mark.parametrize(
    ("url", "variable", "says"),
    [
        ("redis://:other@redis", "TRIAGE_REDIS_PASSWORD", "unset one of them"),
        ("redis://redis?password=other", "TRIAGE_REDIS_PASSWORD", "unset one of them"),
        (
            "redis+sentinel://s1/m?sentinel_password=other",
            "TRIAGE_REDIS_SENTINEL_PASSWORD",
            "unset one of them",
        ),
        ("redis://redis", "TRIAGE_REDIS_SENTINEL_PASSWORD", "is not redis+sentinel://"),
    ],
)
def test_two_passwords_are_refused(
    url: str, variable: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIAGE_REDIS_URL", url)
    monkeypatch.setenv(variable, "k3y")
    with pytest.raises(ConfigurationInvalid) as refused:
        load_settings()
    assert says in refused.value.message
    assert not {"k3y", "other"} & set(re.findall(r"\w+", refused.value.message))
