"""Validates TRIAGE_REDIS_URL strictly; errors never quote its content.

redis-py accepts almost anything. With an unescaped `/` or `#` in a password, it takes a part of the password
for a port, a path or an option, and prints it in its errors. It has no URLs for Sentinel and Cluster.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, quote, unquote, urlsplit

Kind = Literal["server", "sentinel", "cluster"]
Address = tuple[str, int]

#: By scheme: the kind, and the scheme of redis-py for one of its servers.
_SCHEMES: Mapping[str, tuple[Kind, str]] = {
    "redis": ("server", "redis"),
    "rediss": ("server", "rediss"),
    "unix": ("server", "unix"),
    "redis+sentinel": ("sentinel", "redis"),
    "rediss+sentinel": ("sentinel", "rediss"),
    "redis+cluster": ("cluster", "redis"),
    "rediss+cluster": ("cluster", "rediss"),
}
_PORTS: Mapping[Kind, int] = {"server": 6379, "sentinel": 26379, "cluster": 6379}
_HOST = re.compile(r"\[[0-9A-Fa-f:.]+(%\w+)?\]|[\w.-]+")
_MASTER = re.compile(r"[A-Za-z0-9._-]+")
_OPTIONS = ("db", "username", "password", "client_name")
_SENTINEL_OPTIONS = ("sentinel_username", "sentinel_password")
_TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_TLS_OPTIONS = {"ssl_cert_reqs": ("none", "optional", "required"), "ssl_check_hostname": ("true", "false")}
_ESCAPE = (
    "has a character that must be escaped, in the user name or password or after the host:"
    " write / as %2F, ? as %3F, # as %23, @ as %40, [ as %5B, ] as %5D and % as %25"
)


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """A valid URL. `nodes`: the Sentinels, or some servers of the cluster."""

    kind: Kind
    nodes: tuple[Address, ...]
    scheme: str = field(repr=False)
    user: str = field(repr=False)
    #: The name under which the Sentinels know the master.
    master: str
    database: str
    query: str = field(repr=False)

    @property
    def tls(self) -> bool:
        return self.scheme == "rediss"

    @property
    def sentinel_options(self) -> dict[str, str]:
        """How to log in to the Sentinels, which do not share the users and passwords of Redis."""
        given = parse_qsl(self.query, keep_blank_values=True)
        return {name.removeprefix("sentinel_"): value for name, value in given if name in _SENTINEL_OPTIONS}

    def at(self, address: Address) -> str:
        """The URL of one server, for redis-py."""
        host, port = address
        parts = (part for part in self.query.split("&") if part.partition("=")[0] not in _SENTINEL_OPTIONS)
        query = "&".join(parts)
        name = f"[{host}]" if ":" in host else host
        return f"{self.scheme}://{self.user}{name}:{port}/{self.database}" + (f"?{query}" if query else "")


def kind_of(url: str) -> Kind:
    """Of a valid URL."""
    return _SCHEMES[url.partition("://")[0]][0]


def parse_redis_url(url: str) -> RedisUrl:
    """A valid URL of Sentinel or Cluster in parts."""
    scheme, _, rest = url.partition("://")
    kind, plain = _SCHEMES[scheme]
    location, _, query = rest.partition("?")
    authority, _, path = location.partition("/")
    user, at, hosts = authority.rpartition("@")
    master, _, database = path.partition("/") if kind == "sentinel" else ("", "", path)
    nodes = [_split(address) for address in hosts.split(",")]
    return RedisUrl(
        kind,
        tuple((host.strip("[]"), int(port or _PORTS[kind])) for host, _, port in nodes),
        plain,
        user + at,
        master,
        database,
        query,
    )


def check_redis_url(url: str) -> None:
    """Raises ValueError, whose message quotes nothing of the URL except names of known options."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in _SCHEMES:
        raise ValueError(
            "must begin with redis://, redis+sentinel:// or redis+cluster://, the same with rediss for TLS,"
            " or unix://"
        )
    if not rest.isprintable() or " " in rest:
        raise ValueError("has a space or a control character")
    if "#" in rest:
        raise ValueError(_ESCAPE)
    location, _, query = rest.partition("?")
    authority, slash, path = location.partition("/")
    # A later @ means a password with an unescaped / or ?, so the text before those is not a host.
    if "@" in path + query and scheme != "unix":
        raise ValueError(_ESCAPE)
    kind, _ = _SCHEMES[scheme]
    if scheme == "unix":
        _check_socket(authority, slash + path)
    else:
        _check_address(kind, authority, path)
    _check_options(query, scheme)
    try:
        urlsplit(url)
    except ValueError:
        # An unmatched bracket, or a Unicode character that may be normalized to / or @.
        raise ValueError(_ESCAPE) from None


def _check_socket(authority: str, path: str) -> None:
    if authority.rpartition("@")[2] or len(path) < 2:
        raise ValueError("must be unix:///PATH/OF/SOCKET, or unix://USER:PASSWORD@/PATH/OF/SOCKET")


def _check_address(kind: Kind, authority: str, path: str) -> None:
    addresses = authority.rpartition("@")[2]
    for address in [addresses] if kind == "server" else addresses.split(","):
        host, colon, port = _split(address)
        if not host:
            raise ValueError("has no host")
        if not _HOST.fullmatch(host):
            raise ValueError("has an invalid host: use a name or an address")
        if colon and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65_536):
            raise ValueError("has a port that is not a number from 1 to 65535")
    if kind == "sentinel":
        master, _, path = path.partition("/")
        if not _MASTER.fullmatch(master):
            raise ValueError("must name the master: redis+sentinel://HOST:26379,HOST:26379/MASTER/0")
    if path and not (path.isascii() and path.isdecimal()):
        raise ValueError(f"has an invalid database after the {_before(kind)}: use a number")
    if kind == "cluster" and int(path or 0):
        raise ValueError("has a database, but a cluster has only database 0")


def _before(kind: Kind) -> str:
    return "name of the master" if kind == "sentinel" else "host"


def _split(address: str) -> tuple[str, str, str]:
    return address.rpartition(":") if re.search(r":[^\]]*$", address) else (address, "", "")


def _check_options(query: str, scheme: str) -> None:
    kind, plain = _SCHEMES[scheme]
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in _TLS_FILES or name in _TLS_OPTIONS:
            if plain != "rediss":
                raise ValueError(f"has the option {name}, which is for TLS only: write rediss in the scheme")
            if name in _TLS_FILES and not Path(value).is_file():
                raise ValueError(f"has the option {name}, but the file does not exist")
            if name in _TLS_OPTIONS and value.lower() not in _TLS_OPTIONS[name]:
                raise ValueError(
                    f"has the option {name}, which must be one of {', '.join(_TLS_OPTIONS[name])}"
                )
        elif name in _SENTINEL_OPTIONS:
            if kind != "sentinel":
                raise ValueError(f"has the option {name}, which is for redis+sentinel:// only")
        elif name == "db" and not value.isdecimal():
            raise ValueError("has the option db, which must be a number")
        elif name == "db" and kind == "cluster" and int(value):
            raise ValueError("has a database, but a cluster has only database 0")
        elif name not in _OPTIONS:
            known = ", ".join((*_OPTIONS, *_SENTINEL_OPTIONS, *_TLS_FILES, *_TLS_OPTIONS))
            raise ValueError(f"has an unknown option; the options are {known}")


def with_passwords(url: str, password: str, sentinel_password: str) -> str:
    """A valid URL with passwords that come from elsewhere. Raises ValueError if it has others."""
    scheme, _, rest = url.partition("://")
    location, _, query = rest.partition("?")
    authority, slash, path = location.partition("/")
    user, _, hosts = authority.rpartition("@")
    options = parse_qsl(query, keep_blank_values=True)
    if password:
        name, colon, own = user.partition(":")
        if (colon and unquote(own) != password) or "password" in dict(options):
            raise ValueError("has a password, but TRIAGE_REDIS_PASSWORD is set as well: unset one of them")
        user = f"{name}:{quote(password, safe='')}"
    if sentinel_password:
        if _SCHEMES[scheme][0] != "sentinel":
            raise ValueError("is not redis+sentinel://, but TRIAGE_REDIS_SENTINEL_PASSWORD is set")
        if dict(options).get("sentinel_password", sentinel_password) != sentinel_password:
            raise ValueError(
                "has sentinel_password, but TRIAGE_REDIS_SENTINEL_PASSWORD is set as well: unset one of them"
            )
        if "sentinel_password" not in dict(options):
            query += f"{'&' if query else ''}sentinel_password={quote(sentinel_password, safe='')}"
    authority = f"{user}@{hosts}" if user else hosts
    return f"{scheme}://{authority}{slash}{path}" + (f"?{query}" if query else "")


def address_of(url: str) -> str:
    """The hosts and ports with the name of the master, or the socket path, of a valid URL, for people."""
    scheme, _, rest = url.partition("://")
    location = rest.partition("?")[0]
    authority, slash, path = location.partition("/")
    addresses = authority.rpartition("@")[2]
    if scheme == "unix":
        return unquote(slash + path)
    kind, _ = _SCHEMES.get(scheme, _SCHEMES["redis"])
    complete = (
        address if re.search(r":\d+$", address) else f"{address}:{_PORTS[kind]}"
        for address in addresses.split(",")
    )
    return ",".join(complete) + (f"/{path.partition('/')[0]}" if kind == "sentinel" else "")
