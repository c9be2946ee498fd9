"""A program on the generated Python client; it names a failing step, and ends by saying that all passed."""

import json
import os
from typing import TypeVar

from triage_sdk import AuthenticatedClient
from triage_sdk.api.dead_letters import get_dead_letter, list_dead_letters, retry_dead_letter
from triage_sdk.api.fan_outs import (
    add_fan_out_items,
    create_fan_out,
    get_fan_out,
    list_fan_out_jobs,
    list_fan_out_results,
    retry_fan_out,
    seal_fan_out,
)
from triage_sdk.api.flows import create_flow, get_flow_graph, list_flow_jobs
from triage_sdk.api.jobs import (
    cancel_job,
    create_job,
    create_jobs,
    get_job,
    list_jobs,
    stream_job_events,
    update_job,
)
from triage_sdk.api.queues import get_queue, pause_queue, resume_queue
from triage_sdk.api.schedules import put_schedule
from triage_sdk.models import (
    EdgeIn,
    EdgeInWhen,
    FanOutOutState,
    FanOutSpecIn,
    FlowOutState,
    FlowSpecIn,
    FlowSpecInJobs,
    FlowSpecInOnFailure,
    ItemIn,
    ItemInPayload,
    ItemResultOut,
    ItemsIn,
    JobChangesIn,
    JobOut,
    JobOutState,
    JobsIn,
    JobSpecIn,
    JobSpecInPayload,
    JobSpecInTags,
    NodeIn,
    Problem,
    ProblemCode,
    RedriveIn,
    RedriveInPayloadType0,
    RetryIn,
    ScheduleIn,
    SealIn,
)

Answer = TypeVar("Answer")
client = AuthenticatedClient(
    base_url=os.environ["TRIAGE_URL"], token=os.environ["TRIAGE_API_KEY"], raise_on_unexpected_status=True
)


def ok(response: Answer | Problem | None) -> Answer:
    """The response, unless it is a problem."""
    assert response is not None
    assert not isinstance(response, Problem), response
    return response


def spec(do: str = "ok", **fields: object) -> JobSpecIn:
    return JobSpecIn(name="scripted", payload=JobSpecInPayload.from_dict({"do": do}), **fields)  # type: ignore[arg-type]


def finished(job_id: str) -> JobOut:
    """Waits for the job with one long poll."""
    return ok(get_job.sync(job_id, client=client, wait=20))


def submit_and_wait() -> None:
    job = ok(create_job.sync(client=client, body=spec(), prefer="wait=20"))
    assert (job.state, job.attempt) == (JobOutState.SUCCEEDED, 1)
    assert job.finished_at is not None
    assert job.finished_at.tzinfo is not None


def the_same_key_is_the_same_job() -> None:
    first = create_job.sync_detailed(client=client, body=spec(), idempotency_key="tour-python")
    again = create_job.sync_detailed(client=client, body=spec(), idempotency_key="tour-python")
    assert first.content == again.content
    assert again.headers["Idempotency-Replayed"] == "true"


def what_is_absent_is_inherited() -> None:
    """From the job type in tests/sdks/inheriting.py, which sets every option to an unusual value."""
    sent = JobSpecIn(name="inheriting", retry=RetryIn(delay_seconds=2))
    jobs = FlowSpecInJobs()
    jobs["only"] = NodeIn(job=sent)
    flow = ok(create_flow.sync(client=client, body=FlowSpecIn(name="tour", jobs=jobs)))
    fan_out = ok(
        create_fan_out.sync(
            client=client, body=FanOutSpecIn(template=sent, items=[ItemIn(payload=ItemInPayload())])
        )
    )
    for job in (
        ok(create_job.sync(client=client, body=sent)),
        ok(create_jobs.sync(client=client, body=JobsIn(jobs=[sent]))).results[0].job,
        ok(get_job.sync(flow.jobs["only"], client=client)),
        ok(list_fan_out_jobs.sync(fan_out.id, client=client)).items[0],
    ):
        assert job is not None
        assert (job.queue, job.priority, job.max_attempts) == ("of-the-type", 7, 5)
        assert job.expires_at is not None
    # A schedule shows the job as it was sent, including fields with a fixed default.
    schedule = ScheduleIn(job=sent, cron="@yearly")
    shown = ok(put_schedule.sync("tour-python", client=client, body=schedule)).job.to_dict()
    assert shown == {"name": "inheriting", "delay_seconds": 0, "retry": {"delay_seconds": 2}}


def list_page_by_page() -> None:
    tags = JobSpecInTags.from_dict({"tour": "python"})
    bulk = ok(create_jobs.sync(client=client, body=JobsIn(jobs=[spec(tags=tags) for _ in range(3)])))
    assert (bulk.succeeded, bulk.failed) == (3, 0)
    first = ok(list_jobs.sync(client=client, tag=["tour:python"], limit=2))
    assert first.next_cursor is not None
    second = ok(list_jobs.sync(client=client, tag=["tour:python"], limit=2, cursor=first.next_cursor))
    assert {job.id for job in first.items + second.items} == {row.job.id for row in bulk.results if row.job}


def change_and_cancel() -> None:
    job = ok(create_job.sync(client=client, body=spec(delay_seconds=3600)))
    assert job.state == JobOutState.SCHEDULED
    assert ok(update_job.sync(job.id, client=client, body=JobChangesIn(priority=7))).priority == 7
    assert ok(cancel_job.sync(job.id, client=client)).state == JobOutState.CANCELLED


def a_problem_has_a_code() -> None:
    job = ok(create_job.sync(client=client, body=spec(), prefer="wait=20"))
    problem = cancel_job.sync(job.id, client=client)
    assert isinstance(problem, Problem)
    assert (problem.code, problem.current_state) == (ProblemCode.INVALID_STATE, "succeeded")


def retry_a_dead_letter() -> None:
    job = ok(create_job.sync(client=client, body=spec("fail", retry=RetryIn(max_attempts=1))))
    assert finished(job.id).state == JobOutState.DEAD
    assert job.id in {entry.job_id for entry in ok(list_dead_letters.sync(client=client)).items}
    entry = ok(get_dead_letter.sync(job.id, client=client))
    assert (entry.reason, len(entry.attempts)) == ("exhausted", 1)
    body = RedriveIn(payload=RedriveInPayloadType0.from_dict({"do": "ok"}))
    ok(retry_dead_letter.sync(job.id, client=client, body=body))
    assert finished(job.id).state == JobOutState.SUCCEEDED


def pause_a_queue() -> None:
    assert ok(pause_queue.sync("tour-python", client=client)).paused
    job = ok(create_job.sync(client=client, body=spec(queue="tour-python")))
    assert ok(get_queue.sync("tour-python", client=client)).counts.queued == 1
    assert not ok(resume_queue.sync("tour-python", client=client)).paused
    assert finished(job.id).state == JobOutState.SUCCEEDED


def a_flow() -> None:
    jobs = FlowSpecInJobs()
    jobs["first"] = NodeIn(job=spec())
    jobs["second"] = NodeIn(job=spec("fail", retry=RetryIn(max_attempts=1)))
    jobs["last"] = NodeIn(job=spec(), depends_on=["first", EdgeIn(key="second", when=EdgeInWhen.FAILED)])
    body = FlowSpecIn(name="tour", on_failure=FlowSpecInOnFailure.CONTINUE, jobs=jobs)
    flow = ok(create_flow.sync(client=client, body=body, prefer="wait=20"))
    # The dead job fails the flow, but the job that depends on that failure has run.
    assert flow.state == FlowOutState.FAILED
    assert (flow.counts.total, flow.counts.succeeded, flow.counts.dead) == (3, 2, 1)
    assert finished(flow.jobs["last"]).state == JobOutState.SUCCEEDED
    assert len(ok(list_flow_jobs.sync(flow.id, client=client)).items) == 3
    edges = {(edge.from_, edge.to) for edge in ok(get_flow_graph.sync(flow.id, client=client)).edges}
    assert edges == {("first", "last"), ("second", "last")}


def a_fan_out() -> None:
    items = [ItemIn(payload=ItemInPayload.from_dict({"do": do})) for do in ("ok", "give_up", "ok")]
    body = FanOutSpecIn(template=spec(), items=[*items[:1]], sealed=False, then=spec())
    fan_out = ok(create_fan_out.sync(client=client, body=body))
    assert (fan_out.state, fan_out.counts.total) == (FanOutOutState.OPEN, 1)
    added = ok(
        add_fan_out_items.sync(fan_out.id, client=client, body=ItemsIn(start_index=1, items=[*items[1:]]))
    )
    assert (added.accepted, added.next_index) == (2, 3)
    ok(seal_fan_out.sync(fan_out.id, client=client, body=SealIn(expected_count=3)))
    ended = ok(get_fan_out.sync(fan_out.id, client=client, wait=20))
    assert (ended.state, ended.counts.succeeded, ended.counts.dead) == (FanOutOutState.FAILED, 2, 1)
    assert fan_out.then_job_id is not None
    lines = ok(list_fan_out_results.sync(fan_out.id, client=client)).splitlines()
    results = [ItemResultOut.from_dict(json.loads(line)) for line in lines]
    assert [(result.index, result.state.value) for result in results] == [
        (0, "succeeded"),
        (1, "dead"),
        (2, "succeeded"),
    ]
    assert finished(fan_out.then_job_id).state == JobOutState.SUCCEEDED
    assert len(ok(list_fan_out_jobs.sync(fan_out.id, client=client)).items) == 3
    assert ok(retry_fan_out.sync(fan_out.id, client=client)).counts.succeeded == 2
    assert ok(get_fan_out.sync(fan_out.id, client=client, wait=20)).counts.dead == 1


def a_stream() -> None:
    """This client does not support streams, so it reads the whole text of one."""
    job = ok(create_job.sync(client=client, body=spec(delay_seconds=1)))
    text = ok(stream_job_events.sync(job.id, client=client))
    assert isinstance(text, str)
    assert '"state":"scheduled"' in text
    assert '"state":"succeeded"' in text.splitlines()[-2]


STEPS = (
    submit_and_wait,
    the_same_key_is_the_same_job,
    what_is_absent_is_inherited,
    list_page_by_page,
    change_and_cancel,
    a_problem_has_a_code,
    retry_a_dead_letter,
    pause_a_queue,
    a_flow,
    a_fan_out,
    a_stream,
)

for step in STEPS:
    step()
    print(step.__name__)
print(f"{len(STEPS)} steps passed")
