"""Good and bad requests as bytes: those that the lane should serve, and those for the application.

Placeholders: NAME is a word of four letters, different for each of the two servers, JOB is a job's ID, and
FAN is the ID of an open fan-out.
"""

from dataclasses import dataclass

HOST = "Host: 127.0.0.1"
JSON = "Content-Type: application/json"
JOBS, BULK, ITEMS = "/v1/jobs", "/v1/jobs/bulk", "/v1/fan-outs/FAN/items"
NO_JOB, NO_FAN_OUT = f"job_0{'A' * 25}", f"fan_0{'A' * 25}"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@dataclass(frozen=True)
class Case:
    """The test sends the `parts` in turn, and reads until the server closes the connection."""

    title: str
    parts: tuple[bytes, ...]
    #: Whether the lane serves it; None when the server refuses it before anybody else.
    lane: bool | None

    def at(self, name: str, job: str, fan_out: str) -> list[bytes]:
        words = {b"NAME": name.encode(), b"JOB": job.encode(), b"FAN": fan_out.encode()}
        return [_replaced(part, words) for part in self.parts]


def _replaced(part: bytes, words: dict[bytes, bytes]) -> bytes:
    head, end, body = part.partition(b"\r\n\r\n")
    for word, value in words.items():
        head, body = head.replace(word, value), body.replace(word, value)
    return head + end + body


def request(start: str, *lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join([f"{start} HTTP/1.1", *lines, "Connection: close", "", ""]).encode() + body


def post(body: bytes, *lines: str, path: str = JOBS) -> bytes:
    return request(f"POST {path}", HOST, JSON, f"Content-Length: {len(body)}", *lines, body=body)


def get(path: str, *lines: str) -> bytes:
    return request(f"GET {path}", HOST, *lines)


def served(title: str, *parts: bytes) -> Case:
    return Case(title, parts, lane=True)


def left(title: str, *parts: bytes) -> Case:
    return Case(title, parts, lane=False)


def unread(title: str, *parts: bytes) -> Case:
    return Case(title, parts, lane=None)


_FULL = (
    b'{"name":"work","queue":"NAME","payload":{"at":"10:30","deep":[{"a":[1,2.5,-3e2,null,true]}]},"priority":7,'
    b'"delay_seconds":1.5,"retry":{"max_attempts":5,"backoff":"linear","jitter":0},"timeout_seconds":10,'
    b'"expires_seconds":60,"deadline_seconds":120,"retention_seconds":30,"tags":{"team":"red","a/b":""},'
    b'"limit_key":"customer-1","unique":{"key":"full-NAME","until":60,"on_conflict":"reject"}}'
)
_UNIQUE = b'{"name":"work","unique":{"key":"NAME"}}'
_REJECT = b'{"name":"work","unique":{"key":"NAME","on_conflict":"reject"}}'
_WORK = b'{"name":"work"}'


def _payload(text: bytes) -> bytes:
    return b'{"name":"work","payload":{"a":%s}}' % text


SUBMISSIONS = [
    served("the least that a job is", post(_WORK)),
    served("white space around it", post(b' \n\t{ "name" : "work" } \r\n')),
    served("every field", post(_FULL)),
    served("every field again, which its unique key rejects", post(_FULL)),
    served("a time to run at", post(b'{"name":"work","run_at":"2030-01-01T00:00:00.5+01:00"}')),
    served("text of other scripts", post(_payload('"\u00e9\u4e2d\U0001f600"'.encode()))),
    served("escapes", post(_payload(rb'"\u00e9\n\"\\\ud83d\ude00\u0000"'))),
    served("an escaped key", post(_payload(rb'{"\u0061":1,"b":2}'))),
    served("the largest integers", post(_payload(b"[18446744073709551615,-9223372036854775808]"))),
    served("small and long numbers", post(_payload(b"[1e-400,0.1234567890123456789012345,1E+2,-0.0]"))),
    served("digits in a text", post(_payload(b'"123456789012345678901234567890 1e999"'))),
    served("64 levels", post(_payload(b"[" * 62 + b"]" * 62))),
    served("a large payload", post(_payload(b'"%s"' % (b"x" * 5_000)))),
    served("a payload over its limit", post(_payload(b'"%s"' % (b"x" * 70_000)))),
    served("a type with a schema", post(b'{"name":"strict","payload":{"count":1}}')),
    served("a payload that its schema refuses", post(b'{"name":"strict","payload":{"count":"1"}}')),
    served("an unknown type", post(b'{"name":"nobody-knows","payload":{"secret":1}}')),
    served("a new unique key", post(_UNIQUE)),
    served("a unique key that is held", post(_UNIQUE)),
    served("a unique key that is held, rejected", post(_REJECT)),
    served("an idempotency key", post(_WORK, "Idempotency-Key: NAME")),
    served("its repetition", post(_WORK, "Idempotency-Key: NAME")),
    served("its use for another body", post(b'{"name":"other"}', "Idempotency-Key: NAME")),
    left("an idempotency key with a space", post(_WORK, "Idempotency-Key: a b")),
    left("an empty idempotency key", post(_WORK, "Idempotency-Key:")),
    left("two idempotency keys", post(_WORK, "Idempotency-Key: 2-NAME", "Idempotency-Key: b")),
    served("a wait", post(_WORK, "Prefer: wait=0.01")),
    served("a wait among other words", post(_WORK, 'Prefer: respond-async, wait="0"')),
    served("no wait", post(_WORK, "Prefer: wait=soon")),
    served("without a replica", post(_WORK, "Durability: stored")),
    served("with a replica, which there is not", post(_WORK, "Durability: replicated")),
    left("with an unknown durability", post(_WORK, "Durability: eternal")),
    served("a request id", post(_WORK, "X-Request-Id: my-own.id:1")),
    served("a request id that is none", post(_WORK, "X-Request-Id: a b")),
    served("a trace", post(_WORK, f"traceparent: {TRACE}")),
    served("a trace that is none", post(_WORK, "traceparent: 00-0-0-00")),
    served("headers of no interest", post(_WORK, "Accept: text/html", "Content-Encoding: gzip", "X-A: b")),
    served("a body after its head", *(post(_WORK)[:-5], post(_WORK)[-5:])),
    served("a path with percents", post(_WORK, path="/v1/job%73")),
]
_BODIES = {
    "nothing": b"",
    "null": b"null",
    "an array": b"[]",
    "a number": b"1",
    "a text": b'"work"',
    "no JSON": b"{name}",
    "a comma too many": b'{"name":"work",}',
    "two documents": b'{"name":"work"}{}',
    "a byte order mark": b"\xef\xbb\xbf" + _WORK,
    "a byte that is not UTF-8": _payload(b'"\xff"'),
    "an overlong character": _payload(b'"\xc0\xaf"'),
    "half a surrogate pair": _payload(rb'"\ud800"'),
    "NaN": _payload(b"NaN"),
    "Infinity": _payload(b"-Infinity"),
    "a number too large": _payload(b"1e999"),
    "an integer too large": _payload(b"18446744073709551616"),
    "an integer too small": _payload(b"-9223372036854775809"),
    "a very long integer": _payload(b"1" * 5_000),
    "a leading zero": _payload(b"01"),
    "a key twice": b'{"name":"work","name":"work"}',
    "a key twice inside": _payload(b'{"b":1,"b":1}'),
    "a key twice, once with an escape": _payload(rb'{"b":1,"\u0062":1}'),
    "a key twice, and a colon with an escape": _payload(rb'{"b":1,"b":"\u003a"}'),
    "65 levels": _payload(b"[" * 63 + b"]" * 63),
    "very many levels": _payload(b"[" * 5_000 + b"]" * 5_000),
    "a control character": _payload(b'"\x01"'),
    "no name": b"{}",
    "an unknown field": b'{"name":"work","nmae":1}',
    "a name that is none": b'{"name":"-"}',
    "a name with a line break": rb'{"name":"work\n"}',
    "a payload that is no object": b'{"name":"work","payload":[]}',
    "a payload of null": b'{"name":"work","payload":null}',
    "a priority that is no integer": b'{"name":"work","priority":1.5}',
    "a priority that is true": b'{"name":"work","priority":true}',
    "a priority too high": b'{"name":"work","priority":1001}',
    "a time without its zone": b'{"name":"work","run_at":"2030-01-01T00:00:00"}',
    "a queue of null": b'{"name":"work","queue":null}',
    "a tag that is no text": b'{"name":"work","tags":{"a":1}}',
    "seconds of no end": b'{"name":"work","timeout_seconds":1e300}',
}
REFUSED = [left(title, post(body)) for title, body in _BODIES.items()] + [
    left("a query", post(_WORK, path="/v1/jobs?dry=1")),
    left("an empty query", post(_WORK, path="/v1/jobs?a")),
    left("a slash at the end", post(_WORK, path="/v1/jobs/")),
    left("two slashes", post(_WORK, path="/v1//jobs")),
    left("another method", request(f"PUT {JOBS}", HOST, JSON, "Content-Length: 2", body=b"{}")),
    left("HEAD", request(f"HEAD {JOBS}", HOST)),
    left("OPTIONS of another origin", request(f"OPTIONS {JOBS}", HOST, "Origin: https://a.example")),
    left("another origin", post(_WORK, "Origin: https://a.example")),
    left("the origin null", post(_WORK, "Origin: null")),
    left("another host", request(f"POST {JOBS}", "Host: a.example", JSON, "Content-Length: 0")),
    left("no host", request(f"POST {JOBS}", JSON, "Content-Length: 15", body=_WORK)),
    left("two hosts", post(_WORK, HOST)),
    left("no type", request(f"POST {JOBS}", HOST, "Content-Length: 15", body=_WORK)),
    left("a form", request(f"POST {JOBS}", HOST, "Content-Type: text/plain", "Content-Length: 1", body=b"a")),
    left("a type like JSON", post(_WORK).replace(b"application/json", b"application/ld+json")),
    left("no length", request(f"POST {JOBS}", HOST, JSON)),
    unread("a length that is none", post(_WORK).replace(b"Length: 15", b"Length: x")),
    left("a body in chunks", request(f"POST {JOBS}", HOST, JSON, "Transfer-Encoding: chunked",
                                     body=b"f\r\n%s\r\n0\r\n\r\n" % _WORK)),
    left("a body that the server asks for", post(_WORK, "Expect: 100-continue")),
    left("a body of 10 MB", request(f"POST {JOBS}", HOST, JSON, "Content-Length: 10000000")),
    left("50 headers", post(_WORK, *(f"X-{number}: a" for number in range(50)))),
    left("100 headers", post(_WORK, *(f"X-{number}: a" for number in range(100)))),
    left("a header of 9 KB", post(_WORK, "X-Filler: " + "a" * 9_000)),
    left("headers of 20 KB", post(_WORK, "X-Filler: " + "a" * 20_000)),
    left("a header twice", post(_WORK, "X-A: b", "X-A: b")),
]  # fmt: skip

READS = [
    served("a job", get("/v1/jobs/JOB")),
    served("a body with GET", request("GET /v1/jobs/JOB", HOST, JSON, "Content-Length: 2", body=b"{}")),
    served("a job that is not there", get(f"/v1/jobs/{NO_JOB}")),
    served("a job that has not changed", get("/v1/jobs/JOB", 'If-None-Match: W/"1", "7"')),
    served("a job that has any version", get("/v1/jobs/JOB", "If-None-Match: *")),
    served("a job of another version", get("/v1/jobs/JOB", 'If-None-Match: "77"')),
    served("a long poll", get("/v1/jobs/JOB?wait=0.01")),
    served("a long poll for another version", get("/v1/jobs/JOB?wait=0.01", 'If-None-Match: "1"')),
    served("a long poll that is over at once", get("/v1/jobs/JOB?wait=20", 'If-None-Match: "77"')),
    served("a long poll for no job", get(f"/v1/jobs/{NO_JOB}?wait=0")),
    left("a wait too long", get("/v1/jobs/JOB?wait=31")),
    left("a wait that is none", get("/v1/jobs/JOB?wait=soon")),
    left("a wait below zero", get("/v1/jobs/JOB?wait=-1")),
    left("two waits", get("/v1/jobs/JOB?wait=0&wait=0")),
    left("an empty wait", get("/v1/jobs/JOB?wait=")),
    left("a wait with percents", get("/v1/jobs/JOB?wait=%30")),
    left("another parameter", get("/v1/jobs/JOB?waits=0")),
    left("an id that is none", get("/v1/jobs/job_1")),
    left("an id in small letters", get(f"/v1/jobs/{NO_JOB.lower()}")),
    left("a literal path", get(BULK)),
    left("a slash at the end of an id", get("/v1/jobs/JOB/")),
    left("HEAD of a job", request("HEAD /v1/jobs/JOB", HOST)),
    left("all jobs", get("/v1/jobs?limit=1&queue=none")),
]


def _bulk(text: bytes, *lines: str) -> bytes:
    return post(text, *lines, path=BULK)


def _items(text: bytes, path: str = ITEMS) -> bytes:
    return post(text, path=path)


_TWO = b'{"jobs":[{"name":"work"},{"name":"work","payload":{"url":"http://a:1"}}]}'
MANY = [
    served("two jobs", _bulk(_TWO)),
    served("200 jobs", _bulk(b'{"jobs":[%s]}' % b",".join([_WORK] * 200))),
    served("one good job of three", _bulk(b'{"jobs":[{},{"name":"work"},{"name":"strict"}]}')),
    served("all or nothing", _bulk(b'{"atomic":true,"jobs":[{"name":"work"}]}')),
    served("nothing, as one is bad", _bulk(b'{"atomic":true,"jobs":[{"name":"work"},{"name":1}]}')),
    served("too many for all or nothing", _bulk(b'{"atomic":true,"jobs":[%s]}' % b",".join([_WORK] * 501))),
    served("an item that is no JSON", _bulk(b'{"jobs":[{"name":work}]}')),
    served("an item with a key twice", _bulk(b'{"jobs":[{"name":"a","name":"a"}]}')),
    served("an idempotency key of many", _bulk(_TWO, "Idempotency-Key: NAME")),
    served("its repetition by many", _bulk(_TWO, "Idempotency-Key: NAME")),
    served("many with another body", _bulk(b'{"jobs":[{"name":"a"}]}', "Idempotency-Key: NAME")),
    left("no jobs", _bulk(b'{"jobs":[]}')),
    left("too many jobs", _bulk(b'{"jobs":[%s]}' % b",".join([_WORK] * 1_001))),
    left("jobs of null", _bulk(b'{"jobs":null}')),
    left("jobs that do not end", _bulk(b'{"jobs":[{"name":"work"}')),
    left("jobs twice", _bulk(b'{"jobs":[{"name":"work"}],"jobs":[]}')),
    left("an unknown field beside jobs", _bulk(b'{"jobs":[{"name":"work"}],"x":1}')),
    served("items", _items(b'{"start_index":0,"items":[{"a":1},{"payload":{"a":2},"key":"k"}]}')),
    served("the same items", _items(b'{"start_index":0,"items":[{"a":1},{"payload":{"a":2},"key":"k"}]}')),
    served("a bad item", _items(b'{"start_index":2,"items":[{"a":3},1,{"payload":1}]}')),
    served("items beyond the last", _items(b'{"start_index":999999,"items":[{"a":3},{"a":4}]}')),
    served("items of none", _items(b'{"start_index":0,"items":[{}]}', ITEMS.replace("FAN", NO_FAN_OUT))),
    left("items of no id", _items(b'{"start_index":0,"items":[{}]}', ITEMS.replace("FAN", "fan_1"))),
    left("items without a start", _items(b'{"items":[{}]}')),
    left("items from below zero", _items(b'{"start_index":-1,"items":[{}]}')),
]  # fmt: skip
