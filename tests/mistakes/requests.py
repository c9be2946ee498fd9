"""Mistakes in requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Mistake:
    """A request, and the words that its response must have. `DONE` in a path is a finished job."""

    title: str
    method: str
    path: str
    status: int
    #: In `detail`.
    says: tuple[str, ...]
    body: Any = None
    headers: Mapping[str, str] | None = None
    #: The pointers of `errors`.
    pointers: tuple[str, ...] | None = None
    #: Sent with a key that has only the scope jobs:read.
    with_key: bool = False


def post(title: str, body: Any, says: tuple[str, ...], *pointers: str, path: str = "/v1/jobs") -> Mistake:
    return Mistake(title, "POST", path, 422, says, body, pointers=pointers)


def node(*depends_on: Any) -> dict[str, Any]:
    return {"job": {"name": "work"}, "depends_on": list(depends_on)}


def flow(title: str, jobs: Any, says: tuple[str, ...], *pointers: str) -> Mistake:
    return post(title, {"name": "f", "jobs": jobs}, says, *pointers, path="/v1/flows")


def schedule(title: str, says: tuple[str, ...], *pointers: str, **fields: Any) -> Mistake:
    body = {"job": {"name": "work"}, **fields}
    return Mistake(title, "PUT", "/v1/schedules/s", 422, says, body, pointers=pointers)


def raw(title: str, body: bytes, *says: str, path: str = "/v1/jobs") -> Mistake:
    return Mistake(title, "POST", path, 400, says, body, {"Content-Type": "application/json"})


_ENDED = "cancel, retry, patch of an ended job"
_PATH = "trailing slash, wrong path"
_NO_KEY = "no or bad key"
_QUEUE = "unknown queue (GET, purge)"
_EDGE = "/jobs/b/depends_on/0"
_KEY = {"Idempotency-Key": "k-1"}
_CRON_FORM = "5 fields (minute, hour, day of month, month, day of week)"

REQUESTS = [
    post("typo in a field", {"name": "a", "paylod": {}}, ("/paylod", "did you mean 'payload'?"), "/paylod"),
    post(
        "typo in a payload field",
        {"name": "greet", "payload": {"nam": "Ada"}},
        ("/payload", "name"),
        "/payload",
        "/payload/nam",
    ),
    post(
        "wrong type", {"name": "a", "priority": "high"}, ("/priority: must be a whole number",), "/priority"
    ),
    post(
        "text for a number in payload",
        {"name": "greet", "payload": {"name": "Ada", "age": "9"}},
        ("/payload/age", "integer"),
        "/payload/age",
    ),
    Mistake(_QUEUE, "GET", "/v1/queues/mial", 404, ("no such queue", "GET /v1/queues")),
    Mistake(
        _QUEUE,
        "POST",
        "/v1/queues/mial/purge",
        404,
        ("no such queue",),
        {"confirm": "mial"},
    ),
    Mistake(
        "typo in a query parameter",
        "GET",
        "/v1/jobs?stat=dead",
        422,
        ("stat: unknown", "did you mean 'state'?"),
        pointers=("stat",),
    ),
    Mistake(
        "bad state in a query",
        "GET",
        "/v1/jobs?state=ded",
        422,
        ("query.state", "'succeeded'", "did you mean 'dead'?"),
        pointers=("query.state",),
    ),
    Mistake(
        "tag without colon", "GET", "/v1/jobs?tag=acme", 422, ("query.tag", "key:value, such as tenant:acme")
    ),
    flow("cycle", {"a": node("b"), "b": node("a")}, ("/jobs/a", "form a cycle", "a -> b -> a"), "/jobs/a"),
    flow("cycle", {"b": node("b")}, (_EDGE, "depends on itself"), _EDGE),
    flow(
        "unknown dependency", {"fetch": node(), "b": node("fetsh")}, (_EDGE, "did you mean 'fetch'?"), _EDGE
    ),
    flow(
        "wrong `when`",
        {"a": node(), "b": node({"key": "a", "when": "success"})},
        (f"{_EDGE}/when", "'succeeded', 'failed' or 'finished'"),
        f"{_EDGE}/when",
    ),
    flow("wrong `when`", {"a": node(), "b": node(7)}, (f"{_EDGE}: must be a string or an object",), _EDGE),
    flow(
        "node without `job:`",
        {"a": {"name": "work", "payload": {}}},
        ("/jobs/a/job: is missing", "name and payload must be inside it"),
        "/jobs/a/job",
    ),
    schedule("cron", ("'61 * * * *'", "minute (0 to 59)", _CRON_FORM), "/cron", cron="61 * * * *"),
    schedule("cron", ("'every day' has 2 fields", _CRON_FORM, "@daily"), "/cron", cron="every day"),
    schedule("cron", ("never fires", "day 30"), "/cron", cron="0 0 30 2 *"),
    schedule(
        "zone `Berlin`", ("did you mean 'Europe/Berlin'?",), "/timezone", cron="@daily", timezone="Berlin"
    ),
    schedule("cron and every, neither", ("either cron or every_seconds",), "/cron"),
    schedule("cron and every, neither", ("either cron",), "/cron", cron="@daily", every_seconds=5),
    post(
        "`run_at` without zone",
        {"name": "a", "run_at": "2026-11-27T09:30:00"},
        ("/run_at: must be a time like 2026-11-27T09:30:00Z",),
        "/run_at",
    ),
    Mistake("no Content-Type", "POST", "/v1/jobs", 415, ("must be application/json",), b"{}"),
    raw("single quotes as JSON", b"{\n'name': 'a'}", "line 2, column 1", "use double quotes"),
    raw("single quotes as JSON", b'{"name": "a", "payload": {"n": None}}', "column 32", "write null"),
    raw("single quotes as JSON", b'{"name": "a", "name": "b"}', "duplicate key 'name'"),
    raw(
        "single quotes as JSON",
        b'{"jobs": [{"name": "a"}, {"name": "b",}]}',
        "/jobs/1: ",
        "in this value at line 1, column 13",
        path="/v1/jobs/bulk",
    ),
    post("no body", None, ("needs a JSON body with name",), ""),
    Mistake(_PATH, "GET", "/v1/jobs/", 404, ("Did you mean /v1/jobs?",)),
    Mistake(_PATH, "GET", "/v1/fanouts/x/jobs", 404, ("Did you mean /v1/fan-outs/x/jobs?",)),
    Mistake(_PATH, "GET", "/queues", 404, ("Did you mean /v1/queues?",)),
    Mistake(_PATH, "GET", "/wp-login.php", 404, ("no such path", "GET /docs")),
    Mistake(_PATH, "PUT", "/v1/jobs", 405, ("PUT", "GET, POST"), {}),
    Mistake(
        "payload too large",
        "POST",
        "/v1/jobs",
        413,
        ("70,011 bytes", "65,536", "pass a reference"),
        {"name": "a", "payload": {"text": "x" * 70_000}},
    ),
    Mistake(_NO_KEY, "GET", "/v1/jobs", 401, ("Authorization: Bearer",), headers={}, with_key=True),
    Mistake(
        _NO_KEY,
        "GET",
        "/v1/jobs",
        401,
        ("Authorization: Bearer",),
        headers={"X-API-Key": "triage_x"},
        with_key=True,
    ),
    Mistake("missing scope", "POST", "/v1/jobs", 403, ("jobs:write",), {"name": "a"}, with_key=True),
    Mistake(
        "key reused with another body",
        "POST",
        "/v1/jobs",
        422,
        ("different request body",),
        {"name": "b"},
        _KEY,
    ),
    Mistake(_ENDED, "POST", "/v1/jobs/DONE/cancel", 409, ("is succeeded", "unfinished")),
    Mistake(_ENDED, "POST", "/v1/jobs/DONE/retry", 409, ("is succeeded", "submit a new one")),
    Mistake(
        _ENDED,
        "PATCH",
        "/v1/jobs/DONE",
        409,
        ("is succeeded", "Only an unfinished job can be changed"),
        {"priority": 1},
    ),
    Mistake(
        "purge without confirm",
        "POST",
        "/v1/queues/default/purge",
        422,
        ("/confirm: is missing", "name of the queue"),
        {},
        pointers=("/confirm",),
    ),
    post("no body", None, ("JSON body with confirm",), "", path="/v1/queues/default/purge"),
    Mistake(
        "`dlq retry` without filter",
        "POST",
        "/v1/dlq/retry",
        422,
        ("/filter: set at least one filter",),
        {"filter": {}},
    ),
    post(
        "wrong type",
        {"name": "a", "unique": {"key": "k", "until": "end"}},
        ("/unique/until: must be 'started' or 'finished'",),
        "/unique/until",
    ),
    post("wrong type", [1], ("must be an object",), ""),
    post("wrong type", {"name": "a", "tags": {"bad key": "x"}}, ("/tags/bad key",), "/tags/bad key"),
]
