"""Which jobs the tasks of groups act upon, and in which order."""

import pytest

from service.domain import group_tasks
from service.domain.fan_out import FanOut
from service.domain.flow import Flow, OnFailure
from service.domain.job_spec import JobSpec
from service.domain.states import FINISHED, State
from service.store.codec.submissions import created_job

#: The dependencies of each job: a diamond, and a job that stands alone.
DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "alone": []}
COUNTS = dict.fromkeys(State, 0)


def flow(on_failure: OnFailure = "fail", generation: int = 0) -> Flow:
    return Flow(
        id="flow_1",
        version=1,
        state="running",
        total=0,
        counts=COUNTS,
        created_at=0,
        name="f",
        on_failure=on_failure,
        generation=generation,
    )


def test_a_failure_spares_the_dependents_of_the_dead_job() -> None:
    assert group_tasks.lost_with(list(DIAMOND), DIAMOND, "b") == ["a", "b", "c", "alone"]
    assert group_tasks.lost_with(list(DIAMOND), DIAMOND, "a") == ["a", "alone"]


def test_dependents_are_cancelled_before_their_dependencies() -> None:
    order = group_tasks.cancel_order({**DIAMOND, "b": ["a", "outside"]})
    assert sorted(order) == sorted(DIAMOND)
    for job, waits in DIAMOND.items():
        assert all(order.index(job) < order.index(other) for other in waits)


def test_dependencies_run_again_before_their_dependents() -> None:
    order = group_tasks.retry_order(["d", "c", "b", "a", "alone"], {**DIAMOND, "d": ["b", "c", "outside"]})
    assert sorted(order) == sorted(DIAMOND)
    for job, waits in DIAMOND.items():
        assert all(order.index(other) < order.index(job) for other in waits)
    assert group_tasks.retry_order(list(DIAMOND), DIAMOND, "c") == ["c", "d"]


def test_a_step_has_few_jobs_and_few_edges() -> None:
    jobs = [f"job_{number}" for number in range(120)]
    batches = list(group_tasks.retry_batches(jobs, {}))
    assert [len(batch) for batch in batches] == [50, 50, 20]
    assert [id for batch in batches for id in batch] == jobs
    # A job with many dependents weighs as much as all of its edges.
    waits = {id: ["hub"] for id in jobs} | {f"more_{number}": ["hub"] for number in range(1_900)}
    assert [len(batch) for batch in group_tasks.retry_batches([*jobs[:3], "hub", *jobs[3:5]], waits)] == [
        3,
        1,
        2,
    ]
    assert list(group_tasks.retry_batches([], {})) == [[]]


def test_only_a_flow_with_that_option_fails_as_a_whole() -> None:
    fan_out = FanOut(
        id="fan_1",
        version=1,
        state="running",
        total=0,
        counts=COUNTS,
        created_at=0,
        name="work",
        queue="default",
        sealed=True,
    )
    assert group_tasks.fails_whole(flow("fail"))
    assert not group_tasks.fails_whole(flow("continue"))
    assert not group_tasks.fails_whole(fan_out)


@pytest.mark.parametrize(
    ("state", "generation", "expected"),
    [
        ("dead", 2, True),
        ("dead", 1, False),
        ("dead", None, False),
        ("cancelled", 2, False),
        (None, None, False),
    ],
)
def test_a_job_that_died_before_the_last_retry_fails_nothing_again(
    state: str | None, generation: int | None, expected: bool
) -> None:
    assert group_tasks.died_in(flow(generation=2), state, generation) is expected


@pytest.mark.parametrize("state", State)
def test_children_end_with_a_parent_that_does_not_run_again(state: State) -> None:
    spec = JobSpec("work")
    parent = created_job("job_1", spec, 0, f"0 1 {state} 0".encode())
    assert group_tasks.ends_children(parent) == (state in (State.CANCELLED, State.DEAD))
    assert group_tasks.is_awaited(parent) == (state not in FINISHED)
    assert group_tasks.ends_children(None)
    assert not group_tasks.is_awaited(None)
