"""The records of flows and fan-outs."""

from collections.abc import Mapping, Sequence
from typing import cast

from service.domain.fan_out import FanOut, Tolerance
from service.domain.flow import Flow, FlowSpec, OnFailure
from service.domain.group import Group, GroupState, kind_of
from service.domain.states import State
from service.store.codec.fields import Fields, decode_texts, number, present, text
from service.store.codec.traits import decode_traits
from service.store.codec.webhooks.callbacks import decode_callback

#: The fields of a group to read: all but its template, whose payload may be large.
FIELDS = (
    "state", "version", "total", "created_at", "finished_at", "name", "on_failure", "sealed", "then",
    "highest", "admitted", "staged", "generation", "grace_ms", "item_traits", "tolerance_count",
    "tolerance_percent", "max_concurrency", "callback", *(state.value for state in State),
)  # fmt: skip


def decode_group(id: str, values: Sequence[bytes | None]) -> Group | None:
    """The Flow or FanOut from its FIELDS; None for one that is not committed or was deleted."""
    fields = present(FIELDS, values)
    if b"state" not in fields:
        return None
    return _flow(id, fields) if kind_of(id) == "flow" else _fan_out(id, fields)


def _flow(id: str, fields: Fields) -> Flow:
    total = int(fields[b"total"])
    return Flow(
        id=id,
        version=int(fields[b"version"]),
        state=decode_state(fields[b"state"]),
        total=total,
        counts=_counts(total, fields),
        created_at=int(fields[b"created_at"]),
        finished_at=number(fields.get(b"finished_at")),
        generation=int(fields.get(b"generation", 0)),
        grace_ms=int(fields.get(b"grace_ms", 0)),
        name=fields[b"name"].decode(),
        on_failure=cast(OnFailure, fields[b"on_failure"].decode()),
        admitted=int(fields.get(b"admitted", 0)),
        staged=number(fields.get(b"staged")),
        callback=decode_callback(fields.get(b"callback")),
    )


def _fan_out(id: str, fields: Fields) -> FanOut:
    total, percent = int(fields[b"total"]), fields.get(b"tolerance_percent")
    traits = decode_traits(fields[b"item_traits"])
    return FanOut(
        id=id,
        version=int(fields[b"version"]),
        state=decode_state(fields[b"state"]),
        total=total,
        counts=_counts(total, fields),
        created_at=int(fields[b"created_at"]),
        finished_at=number(fields.get(b"finished_at")),
        generation=int(fields.get(b"generation", 0)),
        grace_ms=int(fields.get(b"grace_ms", 0)),
        name=traits.name,
        queue=traits.queue,
        sealed=b"sealed" in fields,
        tolerance=Tolerance(
            number(fields.get(b"tolerance_count")), None if percent is None else float(percent)
        ),
        max_concurrency=number(fields.get(b"max_concurrency")),
        then_job_id=text(fields.get(b"then")),
        highest=int(fields.get(b"highest", -1)),
        callback=decode_callback(fields.get(b"callback")),
    )


def _counts(total: int, fields: Fields) -> Mapping[State, int]:
    counts = {state: int(fields.get(state.encode(), 0)) for state in State}
    # Staged jobs count as blocked until the flow is committed.
    counts[State.BLOCKED] += total - sum(counts.values())
    return counts


def decode_state(value: bytes) -> GroupState:
    return cast(GroupState, value.decode())


#: The most pairs of queue and job type in the record of a flow.
MAX_CONTENTS = 100


def encode_contents(spec: FlowSpec) -> str:
    """Each `queue|type` once, separated by spaces; only queues if there are too many."""
    pairs = {f"{node.spec.queue}|{node.spec.name}" for node in spec.nodes.values()}
    if len(pairs) > MAX_CONTENTS:
        pairs = {node.spec.queue for node in spec.nodes.values()}
    return " ".join(sorted(pairs))


def decode_contents(value: bytes | None) -> set[tuple[str, str]]:
    """Pairs of queue and job type; the type is empty if there were too many."""
    pairs = (pair.partition("|") for pair in (value or b"").decode().split())
    return {(queue, name) for queue, _, name in pairs}


def decode_edges(fields: Fields) -> dict[str, tuple[int, str]]:
    """The dependencies of a job: by key, the condition and the id."""
    return {key: _edge(value) for key, value in decode_texts(fields).items()}


def _edge(value: str) -> tuple[int, str]:
    condition, _, id = value.partition(" ")
    return int(condition), id
