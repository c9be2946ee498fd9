"""The Redis users of docs/how-to/set-up-redis.md may do all that Triage needs, and nothing harmful."""

import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError

from service.store.redis import keys
from service.store.redis.embedded import EmbeddedServer
from service.store.redis.key_groups import tenant_keys
from tests.e2e.processes import ROOT, Cluster
from tests.support.eventually import eventually_blocking

#: What a reader would type: the blocks that write users.acl, in one shell.
_PAGE = (ROOT / "docs/how-to/set-up-redis.md").read_text()
_SCRIPT = "".join(
    block for block in re.findall(r"^```sh\n(.+?)^```", _PAGE, re.M | re.S) if "> users.acl" in block
)


def _users() -> dict[str, list[str]]:
    """The rules of each user, including its password."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(["sh", "-eu", "-c", _SCRIPT], cwd=directory, check=True)
        lines = (Path(directory) / "users.acl").read_text().splitlines()
    return {name: rules for _, name, *rules in map(str.split, lines)}


USERS = _users()
ALL = ("triage-api", "triage-worker", "triage-worker-shop")
#: A key that each user may write.
OWN = {
    "triage-api": "triage:{shop}:x",
    "triage-worker": "triage:{shop}:x",
    "triage-worker-shop": "triage:{shop}:x",
}
REFUSED = [
    "FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "SCAN 0", "KEYS *", "RANDOMKEY", "DBSIZE", "CONFIG GET *",
    "CONFIG SET maxmemory 1", "CONFIG REWRITE", "CONFIG RESETSTAT", "FUNCTION FLUSH", "FUNCTION RESTORE x",
    "FUNCTION DUMP", "FUNCTION KILL", "FUNCTION STATS", "SCRIPT FLUSH",
    "SCRIPT KILL", "SCRIPT LOAD x", "SHUTDOWN", "ACL LIST", "ACL SETUSER x", "ACL GETUSER default",
    "ACL WHOAMI", "MONITOR", "CLIENT KILL ID 1", "CLIENT LIST", "CLIENT PAUSE 1", "CLIENT NO-EVICT on",
    "REPLICAOF NO ONE", "FAILOVER", "SAVE", "BGSAVE", "BGREWRITEAOF", "LASTSAVE", "SLOWLOG GET",
    "LATENCY RESET", "MEMORY PURGE", "MODULE LIST", "COMMAND", "PSUBSCRIBE *", "PUBSUB CHANNELS",
    "PSYNC x 0", "CLUSTER NODES", "CLUSTER RESET", "OBJECT ENCODING {own}", "DUMP {own}", "RESTORE {own} 0 x",
    "MIGRATE h 1 {own} 0 1", "SORT {own}", "SORT_RO {own}", "RENAME {own} {own}", "COPY {own} {own}",
    "MOVE {own} 1", "PERSIST {own}", "GEOADD {own} 1 1 x", "PFADD {own} x", "XADD {own} * a b",
    "SET other 1", "GET other", "DEL other", "SET triage-other 1", "PUBLISH other x", "SUBSCRIBE other",
]  # fmt: skip
KEY = keys.access_key(keys.ACCESS_PREFIX, digest="0" * 64)
INDEX = keys.access_keys(keys.ACCESS_PREFIX)


def url(server: EmbeddedServer, user: str) -> str:
    (password,) = [rule[1:] for rule in USERS[user] if rule.startswith(">")]
    return f"unix://{user}:{quote(password)}@{server.url.removeprefix('unix://')}"


@pytest.fixture(scope="module")
def restricted(server_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A server whose users had every right before they got exactly the documented lines."""
    with EmbeddedServer(tmp_path_factory.mktemp("acl"), server_binary) as server:
        with Redis.from_url(server.url) as admin:
            for user in USERS:
                rules = ("on", ">former", "~*", "&*", "+@all", "(~* +@all)")
                admin.execute_command("ACL", "SETUSER", user, *rules)
        load(server)
        yield server


def load(server: EmbeddedServer) -> None:
    with Redis.from_url(server.url) as admin:
        for user, rules in USERS.items():
            admin.execute_command("ACL", "SETUSER", user, *rules)


def test_the_document_has_a_user_for_each_part() -> None:
    assert set(USERS) == set(ALL)


@pytest.mark.parametrize("user", ALL)
def test_an_earlier_password_no_longer_works(restricted: EmbeddedServer, user: str) -> None:
    former = f"unix://{user}:former@{restricted.url.removeprefix('unix://')}"
    with Redis.from_url(former) as redis, pytest.raises(AuthenticationError):
        redis.ping()
    with Redis.from_url(url(restricted, user)) as redis:
        assert redis.ping()


@pytest.mark.parametrize("user", ALL)
@pytest.mark.parametrize("command", REFUSED)
def test_no_user_may_harm_others(restricted: EmbeddedServer, user: str, command: str) -> None:
    with Redis.from_url(url(restricted, user)) as redis, pytest.raises(NoPermissionError):
        redis.execute_command(*command.format(own=OWN[user]).split())


@pytest.mark.parametrize("user", ["triage-worker", "triage-worker-shop"])
@pytest.mark.parametrize("command", ["FUNCTION LOAD x", "FUNCTION LIST", "FUNCTION DELETE x"])
def test_handlers_cannot_change_what_others_call(restricted: EmbeddedServer, user: str, command: str) -> None:
    with Redis.from_url(url(restricted, user)) as redis, pytest.raises(NoPermissionError):
        redis.execute_command(*command.split())


@pytest.mark.parametrize("user", ["triage-worker", "triage-worker-shop"])
@pytest.mark.parametrize(
    "command", ["HGETALL {key}", "HSET {key} scopes x", "HGETALL {index}", "UNLINK {key}"]
)
def test_handlers_cannot_reach_api_keys(restricted: EmbeddedServer, user: str, command: str) -> None:
    words = command.format(key=KEY, index=INDEX).split()
    with Redis.from_url(url(restricted, user)) as redis:
        with pytest.raises(NoPermissionError):
            redis.execute_command(*words)
        call = ", ".join(f"'{word}'" for word in words)
        with pytest.raises(ResponseError, match="access"):
            redis.eval(f"return redis.call({call})", 0)


def test_only_workers_of_all_namespaces_read_their_names(restricted: EmbeddedServer) -> None:
    names = tenant_keys.namespaces(keys.ACCESS_PREFIX)
    with Redis.from_url(url(restricted, "triage-worker")) as redis:
        assert redis.zrange(names, 0, -1) == []
        with pytest.raises(NoPermissionError):
            redis.zadd(names, {"mine": 0})
    with Redis.from_url(url(restricted, "triage-worker-shop")) as redis, pytest.raises(NoPermissionError):
        redis.zrange(names, 0, -1)


def test_a_worker_of_a_namespace_reaches_no_other(restricted: EmbeddedServer) -> None:
    with Redis.from_url(url(restricted, "triage-worker-shop")) as redis:
        redis.set("triage:{shop}:x", "1")
        for command in (
            "GET triage:{default}:x",
            "SET triage:{shop2}:x 1",
            "SUBSCRIBE triage:{default}:changes",
        ):
            with pytest.raises(NoPermissionError):
                redis.execute_command(*command.split())


def used_in_scripts() -> set[str]:
    text = "".join(path.read_text() for path in (ROOT / "service/store/lua").rglob("*.lua"))
    return set(re.findall(r"redis\.p?call\('([A-Z]+)'", text))


@pytest.mark.parametrize("user", ALL)
def test_every_command_of_the_scripts_is_allowed(restricted: EmbeddedServer, user: str) -> None:
    commands = used_in_scripts()
    assert len(commands) > 30
    with Redis.from_url(restricted.url) as admin:
        for command in sorted(commands):
            assert allowed(admin, user, command), command
        assert not allowed(admin, user, "SORT")


def allowed(admin: "Redis", user: str, command: str) -> bool:
    """Tries several numbers of arguments, because Redis checks the number before the rights."""
    channel = "triage:{shop}:changes" if command == "PUBLISH" else OWN[user]
    for arguments in ([], *([channel, *["1"] * count] for count in range(5))):
        response = dry_run(admin, user, command, arguments)
        if b"number of arguments" not in response:
            return response == b"OK"
    raise AssertionError(command)


def dry_run(admin: "Redis", user: str, command: str, arguments: list[str]) -> bytes:
    try:
        return admin.execute_command("ACL", "DRYRUN", user, command, *arguments)
    except ResponseError as error:
        return str(error).encode()


def last_audit(cluster: Cluster) -> dict[str, Any]:
    report = cluster.http.get("/v1/audit").json()["report"]
    assert report is not None
    return report


def test_jobs_run_as_the_documented_users(cluster: Cluster) -> None:
    load(cluster.server)
    cluster.environment["TRIAGE_NAMESPACE"] = "shop"
    cluster.environment["TRIAGE_REDIS_URL"] = url(cluster.server, "triage-api")
    cluster.start_api()
    worker = cluster.start_worker(redis_url=url(cluster.server, "triage-worker-shop"))
    first = cluster.submit()["id"]
    later = cluster.submit(delay_seconds=1)["id"]
    for id in (first, later, cluster.submit(payload={"do": "enqueue"})["id"]):
        cluster.until(id, "succeeded")
    dead = cluster.submit(payload={"do": "give_up"})["id"]
    cluster.until(dead, "dead")
    assert cluster.http.post(f"/v1/dlq/{dead}/retry").status_code == 202
    assert cluster.http.get(f"/v1/jobs/{first}", params={"wait": 1}).status_code == 200
    body = {"template": {"name": "scripted"}, "items": [{"payload": {}}, {"payload": {}}], "sealed": True}
    fan_out = cluster.http.post("/v1/fan-outs", json=body, headers={"Prefer": "wait=10"})
    assert fan_out.json()["state"] == "succeeded", fan_out.text
    schedule = {"every_seconds": 3600, "job": {"name": "scripted"}}
    assert cluster.http.put("/v1/schedules/hourly", json=schedule).status_code == 201
    for path in ("/v1/queues", "/v1/workers", "/v1/schedules", "/v1/dlq", "/metrics", "/readyz"):
        assert cluster.http.get(path).status_code == 200, path
    command = [sys.executable, "-c", "from service.cli import main; main()", "keys", "create", "x"]
    command += ["--namespace", "shop", "--scopes", "jobs:read", "--json"]
    made = subprocess.run(command, env=cluster.environment, capture_output=True, text=True, check=True)
    assert '"key":"triage_' in made.stdout
    response = cluster.http.post("/v1/jobs", json={"name": "scripted"}, headers={"Durability": "replicated"})
    assert response.json()["code"] == "not_replicated", "the server has no replica"
    assert cluster.http.post("/v1/audit").status_code == 202
    report = eventually_blocking(lambda: last_audit(cluster), 15)
    assert (report["all_keys"], report["counters"], report["findings"]) == (False, True, [])
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0
    assert "NOPERM" not in cluster.logs()
    assert "NoPermissionError" not in cluster.logs()
    assert "no permission" not in cluster.logs().lower()
