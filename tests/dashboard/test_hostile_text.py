"""Markup in data stays text: stored through every field, and in every field of every response."""

from typing import Any

import orjson
import pytest
from playwright.sync_api import Route, expect

from tests.dashboard.conftest import System
from tests.dashboard.visit import Visit

CORPUS = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    '"><svg/onload=alert(1)>',
    "</pre></title></textarea><iframe srcdoc='<script>parent.alert(1)</script>'>",
    "javascript:alert(1)//",
    "<a href=javascript:alert(1)>x</a>",
    "' autofocus onfocus='alert(1)' x='",
    "<style>*{display:none}</style>",
    "<form action=//elsewhere.example><button>",
    "<math><mtext></table><img src=//elsewhere.example/x>",
    "{{constructor.constructor('alert(1)')()}}${alert(1)}",
    "&lt;b&gt; &#x3c;img src=x&#x3e;",
]
#: As jobs have them: the type of an error is the last part of a dotted name.
ERRORS = [f"{text.rpartition('.')[2]}: {text}" for text in CORPUS]
#: Data must never turn into one of these.
MADE = (
    "document.querySelectorAll('img, iframe, object, embed, style, main script, [onerror], [onload],"
    " [onfocus], [action]').length"
)
#: Links in the content lead to other fragments of this page.
LED_OUT = (
    "[...document.querySelectorAll('main [href]')].map((link) => link.getAttribute('href'))"
    ".filter((href) => !href.startsWith('#/'))"
)


def shown(visit: Visit, *texts: str) -> None:
    for text in texts:
        expect(visit.page.get_by_role("main")).to_contain_text(text)
    assert visit.page.evaluate(MADE) == 0
    assert visit.page.evaluate(LED_OUT) == []


def test_stored_text_is_shown_as_it_is(visit: Visit, system: System) -> None:
    cluster, names = system.cluster, ("javascript:alert.1", "x--constructor", "constructor")
    tags = {f"t{number}": text[:64] for number, text in enumerate(CORPUS)}
    limit_keys = [text.replace("|", "").replace(",", "") for text in CORPUS]
    for queue in names:
        http = cluster.http
        changed = http.patch(
            f"/v1/queues/{queue}", json={"keys": {key: {"max_concurrency": 1} for key in limit_keys}}
        )
        assert changed.status_code == 200, changed.text
    dead = [
        cluster.submit(name="hostile", queue=names[0], payload={"text": text}, tags=tags, limit_key=key)
        for text, key in zip(CORPUS, limit_keys, strict=True)
    ]
    done = cluster.submit(name="hostile", queue=names[0], payload={"text": "".join(CORPUS), "fail": False})
    unknown = cluster.submit(name=names[0], queue=names[2], tags={"a": CORPUS[0]}, limit_key=limit_keys[0])
    for job in dead:
        cluster.until(job["id"], "dead")
    cluster.until(done["id"], "succeeded")

    visit.open("#/queues?name=constructor")
    shown(visit, *names[1:])
    visit.go(f"#/queues/{names[0]}")
    shown(visit, *limit_keys)
    visit.go(f"#/jobs?queue={names[0]}")
    shown(visit, *ERRORS, *(f"{key}:{value}" for key, value in tags.items()))
    visit.go(f"#/dead-letters?queue={names[0]}")
    shown(visit, *ERRORS)
    for job, text in zip(dead, CORPUS, strict=True):
        visit.page.evaluate(f"location.hash = '#/jobs/{job['id']}'")
        shown(visit, job["id"], f"1 of 2 {text}", *tags.values())
        visit.sees(visit.panel("Log"), text)
        visit.sees(visit.panel("Failed attempts").locator("pre"), text)
        visit.sees(visit.panel("Payload and result"), orjson.dumps(text).decode())
    visit.go(f"#/jobs/{done['id']}")
    shown(visit, orjson.dumps("".join(CORPUS)).decode())
    visit.go(f"#/jobs/{unknown['id']}")
    shown(visit, f"knows job type {names[0]}")


def hostile(value: Any, text: str) -> Any:
    """Append the text to every string of a document; links still work, because ids come first."""
    match value:
        case str():
            return value + text
        case dict():
            return {name: hostile(inner, text) for name, inner in value.items()}
        case list():
            return [hostile(inner, text) for inner in value]
        case _:
            return value


@pytest.mark.parametrize("text", [CORPUS[0] + CORPUS[2] + CORPUS[6], CORPUS[3], "javascript:alert(1)//"])
def test_a_response_that_is_hostile_in_every_field_is_only_text(
    visit: Visit, system: System, text: str
) -> None:
    cluster = system.cluster
    job = cluster.submit(name="hostile", queue="answers", payload={"text": "x"}, tags={"a": "b"})
    cluster.until(job["id"], "dead")
    node = {"name": "scripted", "payload": {}}
    nodes = {"a": {"job": node}, "b": {"job": node, "depends_on": [{"key": "a", "when": "finished"}]}}
    flow = cluster.http.post("/v1/flows", json={"name": "f", "jobs": nodes}).json()
    fan_out = cluster.http.post("/v1/fan-outs", json={"template": node, "items": [{}], "then": node}).json()

    def response(route: Route) -> None:
        if "/v1/events" in route.request.url:
            return route.fulfill(status=204)
        real = route.fetch()
        document = hostile(orjson.loads(real.body()), text)
        if "next_cursor" in document:
            document["next_cursor"] = None
        route.fulfill(response=real, body=orjson.dumps(document).decode())

    visit.page.route("**/v1/**", response)
    worker = cluster.workers()[0]["id"]
    cluster.http.put("/v1/schedules/answered", json={"every_seconds": 3600, "job": node})
    hook = {"url": "https://shop.example/", "events": ["queue.paused"], "description": "d"}
    webhook = cluster.http.post("/v1/webhooks", json=hook).json()["id"]
    cluster.http.post(f"/v1/webhooks/{webhook}/test")
    cluster.http.post(f"/v1/webhooks/{webhook}/disable")
    key = cluster.http.post("/v1/api-keys", json={"name": "k", "scopes": ["jobs:read"]}).json()["id"]
    pages = [
        "", "jobs", f"jobs/{job['id']}", "dead-letters", "flows", f"flows/{flow['id']}", "fan-outs",
        f"fan-outs/{fan_out['id']}", "queues", "queues/answers", "job-types", "workers", f"workers/{worker}",
        "schedules", "schedules/answered", "webhooks", f"webhooks/{webhook}", "api-keys", f"api-keys/{key}",
    ]  # fmt: skip
    visit.open("#/nowhere")
    for page in pages:
        visit.go(f"#/{page}")
        visit.loaded()
        shown(visit, text)
    visit.page.unroute_all(behavior="wait")
    cluster.http.delete(f"/v1/webhooks/{webhook}")
    cluster.http.delete(f"/v1/api-keys/{key}")


def test_no_link_leads_out_of_the_page(visit: Visit) -> None:
    visit.open()
    script = visit.page.locator("script[type=module]").get_attribute("src") or ""
    build = """async ([module, href]) => {
      const { createElement } = await import(new URL(module, document.baseURI));
      try { return createElement("a", { href }).type; } catch (error) { return error.name; }
    }"""
    for href in ("javascript:alert(1)", "//elsewhere.example", "https://elsewhere.example", " #/"):
        assert visit.page.evaluate(build, [script.replace("main.js", "lib/html.js"), href]) == "TypeError"


def test_an_address_is_only_text_as_well(visit: Visit) -> None:
    for text in CORPUS:
        visit.page.goto("about:blank")
        visit.page.goto(f"{visit.origin}/dashboard#/jobs/" + text.replace("/", "%2F").replace("?", "%3F"))
        expect(visit.panel("State").get_by_role("alert")).to_contain_text("Not Found")
        shown(visit, text)
    visit.open(f"#/jobs?queue={CORPUS[0]}&tag={CORPUS[1]}&state={CORPUS[2]}")
    visit.sees(visit.panel("Newest first").get_by_role("alert"), "Unprocessable Content")
    visit.expected = {404, 422}
