"""Values that have broken parsers, clocks, cursors, logs or memory somewhere: for texts, and for JSON."""

import base64
from typing import Any

import orjson

#: In a path, a query or a header; headers skip those that they cannot carry.
TEXTS: list[str] = [
    "",
    " ",
    "0",
    "-1",
    "00",
    "1e999",
    "NaN",
    "1.5",
    "2147483648",
    "9223372036854775808",
    "9" * 400,
    "true",
    "null",
    "undefined",
    "[]",
    "{}",
    "*",
    "?",
    "[a-z]*",
    "%",
    "%s%n",
    "{name}",
    "${jndi:ldap://127.0.0.1/a}",
    "'; DROP TABLE jobs; --",
    '"',
    "\\",
    "../../etc/passwd",
    "..%2f..",
    "a/b",
    "a|b",
    "a:b",
    "}:job:x",
    "{x}",
    "default|queued",
    "a" * 64,
    "a" * 65,
    "a" * 256,
    "a" * 5_000,
    "\u00e9" * 200,
    "\x00",
    "a\x00b",
    "\r\nSet-Cookie: a=b",
    "\n{}",
    "\x1b[31m",
    "\u202egnp.exe",
    "\u0130",
    "e\u0301",
    "\U0001f600" * 20,
    "\ufeff",
    "\u2028",
    "\ufffd",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "0001-01-01T00:00:00-23:59",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-23:59",
    "1969-12-31T23:59:59Z",
    "2016-12-31T23:59:60Z",
    "2026-02-30T00:00:00Z",
    "2026-11-27T24:00:00Z",
    "2026-11-27T09:30:00+99:99",
    "20261127T093000Z",
    "tag:",
    ":value",
    "job_00000000000000000000000000",
    "job_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "job_8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "flow_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "fan_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "wk_01M85QCM3VN2A0H686WCBXCF8E",
    "act_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    'W/"1"',
    '"1"',
    '"999999999999999999999"',
    '"1", "2"',
    "wait=-1",
    "wait=1e9",
    "wait=",
    "respond-async, wait=nan",
]


def _cursor(text: bytes | str) -> str:
    text = text if isinstance(text, bytes) else text.encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


_NUMBERS = [
    "-1", "0", "1e3", "NaN", "inf", "99999999999999999999999", "1.5", "", "\u0663", "1_000", "0x10", " 1",
]  # fmt: skip
TIMES = [
    "0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999-23:59",
    "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00Z", "2026-02-30T00:00:00Z",
    "2026-01-01T00:00:60Z", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00.0000000000000000001Z",
    "2026-01-01T00:00:00", "1", "",
]  # fmt: skip
_ETAGS = [
    '"', '""', '"x"', 'W/"x"', '"' + "9" * 400 + '"', "*", '"1","2"', '"1', '"-1"', "1", '"\u00e9"', "",
]  # fmt: skip
_IDS = [f"{kind}_01M85QCM3VN2A0H686WCBXCF8E" for kind in ("job", "flow", "fan", "act")]
#: The contents of each list's cursors: a position and an id.
_PLACES = ["x", "", "-1", "1e400", "nan", "(1", "\u0663", "9" * 400, "0x10", "1 2"]
_ENDS = ["", "|", "||", "1", "1|", "1|x", "1|job_" + "Z" * 26, "\x00", "a\x00|b", "[", "(", "\u2028"]


#: What a client might forge after decoding a cursor.
CURSORS: list[str] = [
    "=",
    "====",
    _cursor(b""),
    _cursor(b"\x00"),
    _cursor(b"0"),
    _cursor(b"-1"),
    _cursor(b"0 0"),
    _cursor(b"nan nan"),
    _cursor(b"inf:job_7ZZZZZZZZZZZZZZZZZZZZZZZZZ"),
    _cursor(b"99999999999999999999999"),
    _cursor(b"(1"),
    _cursor(b"[a"),
    _cursor(b"\xff\xfe"),
    _cursor(b"[]"),
    _cursor(b"{}"),
    _cursor(b'{"score":1e999,"id":null}'),
    _cursor(b"[1,2,3]"),
    _cursor(b'["a","b"]'),
    _cursor(b"a" * 4_000),
    *(_cursor(f"{place}|{id}") for place in _PLACES for id in _IDS),
    *map(_cursor, _ENDS),
    "AAAA",
    "z" * 512,
    "_-_-",
    "\u00e9",
]

#: For single parameters; all of these are always sent, and TIMES for those that take a time.
OF_PARAMETERS: dict[str, list[str]] = {
    "limit": _NUMBERS,
    "from_index": _NUMBERS,
    "wait": ["NaN", "inf", "99999999999999999999999", "31", "-1", "", "x"],
    "cursor": CURSORS,
    "If-Match": _ETAGS,
    "If-None-Match": _ETAGS,
    "tag": [":", "a:", ":b", "a:b:c", "a" * 64 + ":" + "b" * 64, "a\x00:b"],
    "Prefer": ["wait=0", "wait=-1", "wait=", "wait=0.0001", 'wait="0"', "respond-async", "wait=0" * 99],
}

#: In a body, in place of any value.
VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    1.5,
    -0.0,
    1e-308,
    1e300,
    1e308,
    2**31,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    2**64 - 1,
    10**9,
    315_360_001,
    "",
    " ",
    "1",
    "a" * 5_000,
    "a" * 70_000,
    "\x00",
    "a\r\nb",
    "\u202e",
    "}:job:x",
    "a|b",
    "*",
    *TIMES[:4],
    "9999-12-31T23:59:59-23:59",
    "0000-00-00T00:00:00Z",
    [],
    [None],
    [[]],
    ["a"] * 20_000,
    [{}] * 2_000,
    {},
    {"": ""},
    {"": {}},
    {"a": [{}]},
    {"__proto__": {"state": "dead"}},
    {"$ref": "#"},
    {"a" * 300: 1},
    {"\x00": "\x00"},
    {str(number): number for number in range(5_000)},
]


def _nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


#: In place of a whole body.
BODIES: list[bytes] = [
    *(orjson.dumps(value) for value in VALUES if value is not None and len(orjson.dumps(value)) < 1_000),
    b"",
    b" ",
    b"{",
    b"}",
    b"[]",
    b"[[]]",
    b"null",
    b"0",
    b'"text"',
    b"{}",
    b"{} {}",
    b'{"a":1,}',
    b"{'name':'work'}",
    b'{"name":"work","name":"work"}',
    b'{"name":NaN}',
    b'{"priority":1e999}',
    b'{"priority":' + b"9" * 5_000 + b"}",
    b'{"name":"\\ud800"}',
    b'{"name":"\xff"}',
    b'\xef\xbb\xbf{"name":"work"}',
    '{"name":"work"}'.encode("utf-16"),
    b"\x00" * 100,
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    _nested(65),
    _nested(1_100),
    _nested(20_000),
    b"[" * 100_000,
    b'{"unknown":1}',
    b"name=work",
    b"<name>work</name>",
    b'{"payload":{"a":"' + b"x" * 200_000 + b'"},"name":"work"}',
]
