"""Fan-outs: one template, many items that are a job each, and an optional follow-up job."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, overload

from service.domain.callback import Callback
from service.domain.checks import Number, Whole, nullable, read_members
from service.domain.errors import TriageError
from service.domain.group import Group, GroupKind, GroupState, first_due
from service.domain.ids import member_id
from service.domain.job_spec import JobSpec
from service.domain.states import State

MAX_ITEMS = 1_000_000
FAILURES = Whole(0)
PERCENT = Number(0, 100)

#: The follow-up's number for member_id; the items have the next numbers, by index.
FOLLOW_UP = 1
FIRST_ITEM = 2
#: Ids that a fan-out reserves, since items may be added later.
MEMBERS = MAX_ITEMS + 1


class FanOutSealed(TriageError):
    code = "fan_out_sealed"
    default_message = "The fan-out is sealed and accepts no more items."


class CountMismatch(TriageError):
    code = "count_mismatch"
    default_message = "The fan-out does not have exactly the expected number of items."

    @property
    def count(self) -> Any:
        """How many items it has."""
        return self.details.get("count")


@dataclass(frozen=True, slots=True)
class Tolerance:
    """More failures than `count`, or than `percent` of a sealed fan-out, cancel the unstarted items."""

    count: int | None = None
    percent: float | None = None


def read_tolerance(value: Any, pointer: str) -> Tolerance:
    """Read the JSON form; raises SpecInvalid."""
    return Tolerance(
        **read_members(value, pointer, {"count": nullable(FAILURES), "percent": nullable(PERCENT)})
    )


@dataclass(frozen=True, slots=True)
class Item:
    """One item; absent fields come from the template. `index` is its position in the results."""

    index: int
    payload: bytes
    key: str | None = None
    priority: int | None = None
    delay_ms: int | None = None


@dataclass(frozen=True, slots=True)
class FanOutSpec:
    """A fan-out without its items. `whole`: the request that creates it has all items."""

    template: JobSpec
    then: JobSpec | None = None
    tolerance: Tolerance = Tolerance()
    max_concurrency: int | None = None
    whole: bool = True
    callback: Callback | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FanOut(Group):
    """The state of a fan-out; `name` and `queue` come from its template."""

    kind: ClassVar[GroupKind] = "fan"

    name: str
    queue: str
    sealed: bool
    tolerance: Tolerance = Tolerance()
    max_concurrency: int | None = None
    then_job_id: str | None = None
    #: The highest index so far, -1 without items.
    highest: int = -1
    callback: Callback | None = None

    @property
    def item_ids(self) -> "ItemIds":
        """Ids up to the highest index; some of these items may be missing."""
        return ItemIds(self.id, self.highest + 1)


def created_fan_out(id: str, spec: FanOutSpec, delays: Mapping[int | None, int], at: int) -> FanOut:
    """The fan-out right after its creation, without reading it; `delays` counts its items by delay."""
    total = sum(delays.values())
    template = first_due(spec.template, at)
    scheduled = sum(n for delay, n in delays.items() if (template if delay is None else at + delay) > at)
    counts = dict.fromkeys(State, 0)
    counts[State.SCHEDULED], counts[State.QUEUED] = scheduled, total - scheduled
    state: GroupState = ("running" if total else "succeeded") if spec.whole else "open"
    return FanOut(
        id=id,
        version=1,
        state=state,
        total=total,
        counts=counts,
        created_at=at,
        finished_at=at if state == "succeeded" else None,
        name=spec.template.name,
        queue=spec.template.queue,
        sealed=spec.whole,
        tolerance=spec.tolerance,
        max_concurrency=spec.max_concurrency,
        then_job_id=None if spec.then is None else follow_up_id(id),
        highest=total - 1,
        callback=spec.callback,
    )


@dataclass(frozen=True, slots=True)
class ItemResult:
    """How an item finished; JSON values as text."""

    index: int
    key: str | None
    job_id: str
    state: State
    result: bytes | None
    error: bytes | None
    #: Same as `Job.redact`.
    redact: tuple[str, ...] | None = None


class ItemIds(Sequence[str]):
    """Job ids of the items up to an index, computed on demand."""

    def __init__(self, fan_out_id: str, count: int) -> None:
        self._id = fan_out_id
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        return (item_id(self._id, index) for index in range(self._count))

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        chosen = range(self._count)[index]
        if isinstance(chosen, int):
            return item_id(self._id, chosen)
        return [item_id(self._id, number) for number in chosen]


def item_id(fan_out_id: str, index: int) -> str:
    return member_id(fan_out_id, FIRST_ITEM + index)


def follow_up_id(fan_out_id: str) -> str:
    return member_id(fan_out_id, FOLLOW_UP)
