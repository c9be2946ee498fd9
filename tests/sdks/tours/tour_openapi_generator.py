"""A program on the Python client of OpenAPI Generator; the last line says that every step passed."""

import json
import os

from triage_sdk import (
    ApiClient,
    ApiException,
    Configuration,
    EdgeIn,
    FanOutSpecIn,
    FlowSpecIn,
    ItemIn,
    ItemResultOut,
    ItemsInner,
    JobChangesIn,
    JobsIn,
    JobSpecIn,
    NodeIn,
    Problem,
    ProblemCode,
    RetryIn,
    ScheduleIn,
)
from triage_sdk.api import FanOutsApi, FlowsApi, JobsApi, QueuesApi, SchedulesApi, WorkersApi
from triage_sdk.models.depends_on_inner import DependsOnInner

client = ApiClient(Configuration(host=os.environ["TRIAGE_URL"], access_token=os.environ["TRIAGE_API_KEY"]))
jobs, flows, fan_outs = JobsApi(client), FlowsApi(client), FanOutsApi(client)


def spec(do: str = "ok", **fields: object) -> JobSpecIn:
    return JobSpecIn(name="scripted", payload={"do": do}, **fields)


def submit_and_wait() -> None:
    job = jobs.create_job(spec(), prefer="wait=20", idempotency_key="tour-openapi-generator")
    assert (job.state, job.attempt) == ("succeeded", 1)


def what_is_absent_is_inherited() -> None:
    """From the job type in tests/sdks/inheriting.py, which sets every option to an unusual value."""
    sent = JobSpecIn(name="inheriting", retry=RetryIn(delay_seconds=2))
    flow = flows.create_flow(FlowSpecIn(name="tour", jobs={"only": NodeIn(job=sent)}))
    fan_out = fan_outs.create_fan_out(FanOutSpecIn(template=sent, items=[ItemsInner(ItemIn(payload={}))]))
    for job in (
        jobs.create_job(sent),
        jobs.create_jobs(JobsIn(jobs=[sent])).results[0].job,
        jobs.get_job(flow.jobs["only"]),
        fan_outs.list_fan_out_jobs(fan_out.id).items[0],
    ):
        assert job is not None
        assert (job.queue, job.priority, job.max_attempts) == ("of-the-type", 7, 5)
        assert job.expires_at is not None
    # A schedule shows the job as it was sent, including fields with a fixed default.
    schedule = SchedulesApi(client).put_schedule(
        "tour-openapi-generator", ScheduleIn(job=sent, cron="@yearly")
    )
    assert schedule.job == {"name": "inheriting", "delay_seconds": 0, "retry": {"delay_seconds": 2}}


def change_and_cancel() -> None:
    job = jobs.create_job(spec(delay_seconds=3600, priority=7))
    changed = jobs.update_job(job.id, JobChangesIn(tags={"tour": "yes"}))
    assert (changed.priority, changed.tags, changed.run_at) == (7, {"tour": "yes"}, job.run_at)
    assert jobs.list_jobs(tag=["tour:yes"]).next_cursor is None
    assert jobs.cancel_job(job.id).state == "cancelled"


def a_problem_has_a_code() -> None:
    job = jobs.create_job(spec(), prefer="wait=20")
    try:
        jobs.cancel_job(job.id)
    except ApiException as error:
        problem = Problem.from_json(error.body)
        assert (problem.code, problem.current_state) == (ProblemCode.INVALID_STATE, "succeeded")
    else:
        raise AssertionError("a finished job was cancelled")


def pages_that_have_no_other() -> None:
    job = jobs.create_job(spec("give_up"), prefer="wait=20")
    attempts = jobs.list_job_attempts(job.id)
    assert (len(attempts.items), attempts.next_cursor) == (1, None)
    assert jobs.list_job_logs(job.id).next_cursor is None
    assert "inheriting" in {row.name for row in WorkersApi(client).list_job_types().items}
    assert QueuesApi(client).list_queues().items


def a_flow() -> None:
    nodes = {
        "first": NodeIn(job=spec("give_up")),
        "last": NodeIn(job=spec(), depends_on=[DependsOnInner(EdgeIn(key="first", when="failed"))]),
    }
    body = FlowSpecIn(name="tour", on_failure="continue", jobs=nodes)
    flow = flows.create_flow(body, prefer="wait=20")
    assert (flow.state, flow.counts.succeeded, flow.counts.dead) == ("failed", 1, 1)


def results_line_by_line() -> None:
    items = [ItemsInner(ItemIn(payload={"do": do})) for do in ("ok", "give_up")]
    fan_out = fan_outs.create_fan_out(FanOutSpecIn(template=spec(), items=items), prefer="wait=20")
    whole = fan_outs.list_fan_out_results(fan_out.id)
    read = [ItemResultOut.from_json(line.decode()) for line in whole.splitlines()]
    assert [(row.index, row.state) for row in read] == [(0, "succeeded"), (1, "dead")]
    stream = fan_outs.list_fan_out_results_without_preload_content(fan_out.id)
    assert [json.loads(line)["index"] for line in stream] == [0, 1]


def events_as_they_come() -> None:
    job = jobs.create_job(spec(delay_seconds=0.5))
    stream = jobs.stream_job_events_without_preload_content(job.id)
    states = [json.loads(line[6:])["state"] for line in stream if line.startswith(b"data: ")]
    assert (states[0], states[-1]) == ("scheduled", "succeeded")


STEPS = (
    submit_and_wait,
    what_is_absent_is_inherited,
    change_and_cancel,
    a_problem_has_a_code,
    pages_that_have_no_other,
    a_flow,
    results_line_by_line,
    events_as_they_come,
)

for step in STEPS:
    step()
    print(step.__name__)
print(f"{len(STEPS)} steps passed")
