"""Event streams: the events of a job, a flow or a fan-out."""

from service.domain.fan_out import MEMBERS, FanOutSpec, Item
from service.domain.flow import Edge, FlowSpec, Node
from service.domain.job_spec import JobSpec
from service.domain.states import State
from service.store.namespace import Namespace
from tests.api.client import problem
from tests.api.events import following, rising
from tests.api.running import Running
from tests.support.factories import HOPELESS, IDS, OK, claim, finish, job_in, submit


async def test_a_job_is_followed_from_its_submission_to_its_end(running: Running, store: Namespace) -> None:
    id = await submit(store, payload=b'{"card":"4111"}')
    async with following(running, f"/v1/jobs/{id}/events") as stream:
        seen = [await anext(stream)]
        lease = (await claim(store)).leases[0]
        seen.append(await anext(stream))
        await store.leases.report_progress(lease, b'{"current":1,"total":2,"message":null}')
        seen.append(await anext(stream))
        await finish(store, lease, OK)
        seen += [event async for event in stream]
    assert [event.data["state"] for event in seen] == ["queued", "running", "running", "succeeded"]
    assert seen[2].data["progress"] == {"current": 1, "total": 2, "message": None}
    assert rising(seen) == [1, 2, 3, 4] == [event.data["version"] for event in seen]
    assert all(event.name is None and set(event.data) == set(seen[0].data) for event in seen)
    assert set(seen[0].data) == {"id", "object", "version", "state", "state_reason", "progress"}


async def test_a_flow_is_followed_to_its_end(running: Running, store: Namespace) -> None:
    id = IDS.new("flow", members=2)
    nodes = {"a": Node(JobSpec("work")), "b": Node(JobSpec("work"), (Edge("a"),))}
    await store.flows.create(id, FlowSpec("flow", nodes), None)
    async with following(running, f"/v1/flows/{id}/events") as stream:
        seen = [await anext(stream)]
        for _ in nodes:
            await finish(store, (await claim(store)).leases[0], OK)
        seen += [event async for event in stream]
    assert seen[0].data["counts"]["blocked"] == 1
    assert (seen[-1].data["object"], seen[-1].data["state"]) == ("flow", "succeeded")
    assert seen[-1].data["counts"]["succeeded"] == 2
    assert len(rising(seen)) == len(seen) >= 2


async def test_a_fan_out_is_followed_from_open_to_its_end(running: Running, store: Namespace) -> None:
    id = IDS.new("fan", members=MEMBERS)
    await store.fan_outs.create(id, FanOutSpec(JobSpec("work"), whole=False), 0, None)
    async with following(running, f"/v1/fan-outs/{id}/events") as stream:
        seen = [await anext(stream)]
        await store.fan_outs.add_items(id, [Item(0, b"{}"), Item(1, b"{}")])
        seen.append(await anext(stream))
        await store.fan_outs.seal(id, 2)
        for outcome in (OK, HOPELESS):
            await finish(store, (await claim(store)).leases[0], outcome)
        seen += [event async for event in stream]
    assert [event.data["state"] for event in seen[:2]] == ["open", "open"]
    assert [event.data["counts"]["total"] for event in seen[:2]] == [0, 2]
    assert (seen[-1].data["object"], seen[-1].data["state"]) == ("fan_out", "failed")
    assert len(rising(seen)) == len(seen)


async def test_a_client_that_reconnects_gets_nothing_twice(running: Running, store: Namespace) -> None:
    id = await submit(store)
    async with following(running, f"/v1/jobs/{id}/events", "1") as stream:
        lease = (await claim(store)).leases[0]
        assert (await anext(stream)).id == 2
    await finish(store, lease, OK)
    for known in ("2", "1", "99", "nonsense"):
        async with following(running, f"/v1/jobs/{id}/events", known) as stream:
            assert [(event.id, event.data["state"]) async for event in stream] == [(3, "succeeded")]
    async with running.client() as http:
        response = await http.get(f"/v1/jobs/{id}/events", headers={"Last-Event-ID": "3"})
    assert (response.status_code, response.content) == (204, b"")


async def test_the_versions_of_a_redriven_job_keep_rising(running: Running, store: Namespace) -> None:
    id, _ = await job_in(store, State.DEAD)
    async with following(running, f"/v1/jobs/{id}/events") as stream:
        (dead,) = [event async for event in stream]
    await store.jobs.redrive([id], 0, b"", "")
    async with following(running, f"/v1/jobs/{id}/events", str(dead.id)) as stream:
        again = await anext(stream)
    assert (dead.data["state"], again.data["state"]) == ("dead", "queued")
    rising([dead, again])


async def test_an_unknown_id_is_a_problem_before_a_stream_begins(running: Running) -> None:
    async with running.client() as http:
        for path in ("jobs/job_", "flows/flow_", "fan-outs/fan_"):
            problem(await http.get(f"/v1/{path}{'7' + 'Z' * 25}/events"), 404, "not_found")
