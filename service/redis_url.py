"""Validates TRIAGE_REDIS_URL strictly; errors never quote its content.

redis-py accepts almost anything. With an unescaped `/` or `#` in a password, it takes a part of the password
for a port, a path or an option, and prints it in its errors.
"""

import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

_SCHEMES = ("redis", "rediss", "unix")
_HOST = re.compile(r"\[[0-9A-Fa-f:.]+(%\w+)?\]|[\w.-]+")
_OPTIONS = ("db", "username", "password", "client_name")
_TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_TLS_OPTIONS = {"ssl_cert_reqs": ("none", "optional", "required"), "ssl_check_hostname": ("true", "false")}
_ESCAPE = (
    "has a character that must be escaped, in the user name or password or after the host:"
    " write / as %2F, ? as %3F, # as %23, @ as %40, [ as %5B, ] as %5D and % as %25"
)


def check_redis_url(url: str) -> None:
    """Raises ValueError, whose message quotes nothing of the URL except names of known options."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in _SCHEMES:
        raise ValueError("must begin with redis://, rediss:// or unix://")
    if not rest.isprintable() or " " in rest:
        raise ValueError("has a space or a control character")
    if "#" in rest:
        raise ValueError(_ESCAPE)
    location, _, query = rest.partition("?")
    authority, slash, path = location.partition("/")
    # A later @ means a password with an unescaped / or ?, so the text before those is not a host.
    if "@" in path + query and scheme != "unix":
        raise ValueError(_ESCAPE)
    if scheme == "unix":
        _check_socket(authority, slash + path)
    else:
        _check_address(authority, path)
    _check_options(query, scheme)
    try:
        urlsplit(url)
    except ValueError:
        # An unmatched bracket, or a Unicode character that may be normalized to / or @.
        raise ValueError(_ESCAPE) from None


def _check_socket(authority: str, path: str) -> None:
    if authority.rpartition("@")[2] or len(path) < 2:
        raise ValueError("must be unix:///PATH/OF/SOCKET, or unix://USER:PASSWORD@/PATH/OF/SOCKET")


def _check_address(authority: str, database: str) -> None:
    address = authority.rpartition("@")[2]
    host, colon, port = address.rpartition(":") if re.search(r":[^\]]*$", address) else (address, "", "")
    if not host:
        raise ValueError("has no host")
    if not _HOST.fullmatch(host):
        raise ValueError("has an invalid host: use a name or an address")
    if colon and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65_536):
        raise ValueError("has a port that is not a number from 1 to 65535")
    if database and not (database.isascii() and database.isdecimal()):
        raise ValueError("has an invalid database after the host: use a number")


def _check_options(query: str, scheme: str) -> None:
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in _TLS_FILES or name in _TLS_OPTIONS:
            if scheme != "rediss":
                raise ValueError(f"has the option {name}, which is for rediss:// only")
            if name in _TLS_FILES and not Path(value).is_file():
                raise ValueError(f"has the option {name}, but the file does not exist")
            if name in _TLS_OPTIONS and value.lower() not in _TLS_OPTIONS[name]:
                raise ValueError(
                    f"has the option {name}, which must be one of {', '.join(_TLS_OPTIONS[name])}"
                )
        elif name == "db" and not value.isdecimal():
            raise ValueError("has the option db, which must be a number")
        elif name not in _OPTIONS:
            known = ", ".join((*_OPTIONS, *_TLS_FILES, *_TLS_OPTIONS))
            raise ValueError(f"has an unknown option; the options are {known}")


def address_of(url: str) -> str:
    """The host and port, or the socket path, of a valid URL, for people."""
    scheme, _, rest = url.partition("://")
    location = rest.partition("?")[0]
    authority, slash, path = location.partition("/")
    address = authority.rpartition("@")[2]
    if scheme == "unix":
        return unquote(slash + path)
    return address if re.search(r":\d+$", address) else f"{address}:6379"
