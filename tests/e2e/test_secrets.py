"""No payload, result or secret leaks through logs, metrics or error responses, whatever fails."""

import json
from typing import Any

import httpx

from service.store.redis import keys
from service.store.redis.connect import connect_blocking
from tests.api import issuer
from tests.e2e.processes import Cluster, free_port
from tests.support.eventually import eventually_blocking

CANARY = "S3CR3T_CANARY"


def log_lines(cluster: Cluster) -> list[dict[str, Any]]:
    """Every line of every process; one that is not JSON fails the test."""
    return [
        json.loads(line)
        for path in sorted(cluster.directory.glob("*.log"))
        for line in path.read_text().splitlines()
        if not line.startswith("triage: ")
    ]


def test_a_secret_is_only_shown_to_a_caller_that_may_read_the_job(cluster: Cluster) -> None:
    cluster.environment["TRIAGE_LOG_LEVEL"] = "debug"
    cluster.environment["TRIAGE_HTTP_SIGNING_SECRET"] = f"whsec_{CANARY}!"
    cluster.environment["TRIAGE_HTTP_ALLOW"] = "127.0.0.1"
    cluster.start_api()
    port = free_port()
    cluster.start_worker(worker_port=port, handlers="tests.support.canary,workers.handlers")
    once = {"max_attempts": 1}
    jobs = [
        cluster.submit("canary", payload={"do": do, "secret": CANARY}, retry=once)["id"]
        for do in ("return", "raise", "give_up", "unserialisable", "background", "callback")
    ]
    jobs += [
        cluster.submit(name, payload={"secret": CANARY}, retry=once)["id"]
        for name in ("canary-thread", "canary-process")
    ]
    request = {"url": f"http://127.0.0.1:{port}/livez", "headers": {"x-key": CANARY}, "body": CANARY}
    jobs.append(cluster.submit("http.request", payload=request, retry=once)["id"])
    for id in jobs:
        cluster.until(id, "succeeded", "dead")
    assert cluster.job(jobs[0])["result"] == {"secret": CANARY}
    assert CANARY in cluster.job(jobs[1])["error"]["message"]

    eventually_blocking(lambda: checks_payloads(cluster))
    responses = [*refused(cluster), broken(cluster, jobs[0])]

    for response in responses:
        assert response.headers["content-type"] == "application/problem+json", response.request.content
        assert CANARY not in response.text
        assert CANARY not in str(response.headers)
    assert {response.status_code for response in responses} == {400, 422, 500}
    for page in (cluster.http.get("/metrics"), httpx.get(f"http://127.0.0.1:{port}/metrics")):
        assert page.status_code == 200
        assert CANARY not in page.text

    def asyncio_has_complained() -> None:
        assert any(line.get("logger") == "asyncio" for line in log_lines(cluster))

    eventually_blocking(asyncio_has_complained)
    for path in cluster.directory.glob("*.log"):
        assert CANARY not in path.read_text(), path.name
    failed = [line for line in log_lines(cluster) if line["event"] == "job_failed"]
    assert {line["job_id"] for line in failed} >= {jobs[1], jobs[2], jobs[3], *jobs[6:]}
    unexpected = [line for line in log_lines(cluster) if line["event"] == "unexpected_error"]
    assert [line["error_type"] for line in unexpected] == ["ValueError"]
    assert unexpected[0]["request_id"] == responses[-1].headers["x-request-id"]


def refused(cluster: Cluster) -> list[httpx.Response]:
    """Requests with the secret in the wrong place."""
    headers = {"Content-Type": "application/json"}
    return [
        cluster.http.post("/v1/jobs", content=f'{{"name": "{CANARY}'.encode(), headers=headers),
        cluster.http.post("/v1/jobs", json={"name": "work", "payload": CANARY}),
        cluster.http.post("/v1/jobs", json={"name": "work", "priority": CANARY}),
        cluster.http.post(
            "/v1/jobs", json={"name": "canary", "payload": {"do": "return", "secret": 1, "number": CANARY}}
        ),
        cluster.http.post("/v1/jobs", json={"name": "canary", "payload": {"do": [CANARY]}}),
        cluster.http.get("/v1/jobs", params={"cursor": CANARY}),
    ]


def checks_payloads(cluster: Cluster) -> None:
    """The API learns the schemas of a new worker within a second."""
    response = cluster.http.post("/v1/jobs", json={"name": "canary", "payload": {"do": 1}})
    assert response.status_code == 422


def broken(cluster: Cluster, id: str) -> httpx.Response:
    """A job with an unreadable hash that contains the secret."""
    redis = connect_blocking(cluster.server.url)
    redis.hset(keys.job(keys.prefix("default"), id=id), "created_at", CANARY)
    redis.close()
    return cluster.http.get(f"/v1/jobs/{id}")


def test_no_token_claim_or_key_is_logged(cluster: Cluster) -> None:
    keys_of_issuer = cluster.directory / "jwks.json"
    keys_of_issuer.write_text(f"<html>{CANARY}")
    cluster.environment |= {
        "TRIAGE_LOG_LEVEL": "debug",
        "TRIAGE_AUTH": "required",
        "TRIAGE_JWT_ISSUER": issuer.ISSUER,
        "TRIAGE_JWT_AUDIENCE": issuer.AUDIENCE,
        "TRIAGE_JWT_JWKS_URL": keys_of_issuer.as_uri(),
    }
    cluster.start_api()
    good = issuer.claims("default", sub=CANARY, note=CANARY, scope=f"jobs:read jobs:write {CANARY}")
    token = issuer.sign(good, CANARY)

    def ask(credential: str) -> httpx.Response:
        return cluster.http.get("/v1/jobs", headers={"Authorization": f"Bearer {credential}"})

    responses = [ask(token)]
    assert responses[0].status_code == 503
    published = {"keys": [issuer.jwk(issuer.private_key("RSA"), CANARY, note=CANARY)]}
    keys_of_issuer.write_text(json.dumps(published))

    def accepted() -> None:
        assert ask(token).status_code == 200

    eventually_blocking(accepted)
    header = {"Authorization": f"Bearer {token}"}
    job = cluster.http.post("/v1/jobs", json={"name": "work"}, headers=header).json()
    cluster.http.headers.update(header)
    responses.append(broken(cluster, job["id"]))
    assert responses[-1].status_code == 500
    responses.append(cluster.http.get("/v1/workers"))
    assert responses[-1].status_code == 403
    wrong = ("iss", "aud", "exp", "nbf", "triage_namespace")
    credentials = [issuer.sign({**good, name: f"{CANARY}}}"}, CANARY) for name in wrong]
    credentials += [
        issuer.sign({**good, "scope": {CANARY: CANARY}}, CANARY),
        issuer.sign(good, f"{CANARY}/other"),
        f"{token[:-4]}AAAA",
        f"{issuer.encoded({'alg': CANARY, 'kid': CANARY})}.{issuer.encoded(good)}.AAAA",
        f"{issuer.encoded(CANARY)}.{CANARY}.{CANARY}",
        f"{CANARY}.{CANARY}.{CANARY}",
        f"triage_{CANARY}",
        CANARY,
    ]
    for credential in credentials:
        responses.append(ask(credential))
        assert responses[-1].status_code == 401, credential
    for response in responses:
        assert response.headers["content-type"] == "application/problem+json"
        assert CANARY not in response.text + str(response.headers)

    def everything_is_logged() -> list[dict[str, Any]]:
        lines = log_lines(cluster)
        assert sum(line.get("status") == 401 for line in lines) == len(credentials)
        return lines

    lines = eventually_blocking(everything_is_logged)
    unavailable = [line["reason"] for line in lines if line["event"] == "signing_keys_unavailable"]
    assert unavailable == ["invalid"]
    reasons = {line["reason"] for line in lines if line["event"] == "token_refused"}
    assert reasons >= {"issuer", "audience", "time", "namespace", "scopes", "unknown_key", "algorithm"}
    # In base64 the canary looks different, and so do the parts of a token.
    hidden = {CANARY, *(part for credential in (token, *credentials) for part in credential.split("."))}
    for path in cluster.directory.glob("*.log"):
        text = path.read_text()
        assert [part for part in hidden if len(part) > 4 and part in text] == [], path.name


def test_log_lines_cannot_be_forged(cluster: Cluster) -> None:
    cluster.environment["TRIAGE_LOG_LEVEL"] = "debug"
    cluster.start_api()
    forged = '%0A{"event":"forged"}%0D%1B[31m'

    cluster.http.get(f"/v1/{forged}", headers={"x-request-id": 'x","event":"forged'})

    def logged() -> list[dict[str, Any]]:
        lines = log_lines(cluster)
        assert any("forged" in line.get("path", "") for line in lines)
        return lines

    assert all(line["event"] != "forged" for line in eventually_blocking(logged))
