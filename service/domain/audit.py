"""What an audit of a namespace finds: structures that disagree with the jobs that they describe."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, get_args

#: What disagrees.
Kind = Literal[
    "missing_entry",
    "extra_entry",
    "dangling_entry",
    "wrong_score",
    "wrong_count",
    "unreachable_lane",
    "lost_dependency",
    "blocked_forever",
    "unfinished_group",
    "unique_key",
    "conflicting_jobs",
    "missing_payload",
    "never_expires",
    "unreadable_record",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
#: What the audit did about it. `repairable`: nothing, because it was not to repair anything.
Outcome = Literal["repaired", "repairable", "reported"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
#: Findings of each outcome that a report describes; it counts all.
DESCRIBED = 100


class TurnLost(Exception):
    """Another process audits the namespace now."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`key`: the Redis key without its prefix; `id`: the job or group, if there is one."""

    kind: Kind
    outcome: Outcome
    key: str
    id: str
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """A complete cycle. Times are in unix ms."""

    started_at: int
    ended_at: int
    #: Jobs, and entries and records of other structures.
    jobs: int
    entries: int
    #: Whether it looked through all keys of the server, so that it also found records that no index names.
    all_keys: bool
    #: Whether it compared the counters with the jobs.
    counters: bool
    #: How often each kind was found with each outcome.
    counts: "dict[tuple[Kind, Outcome], int]" = field(default_factory=dict[tuple[Kind, Outcome], int])
    #: Some of the findings, those that were not repaired first.
    findings: tuple[Finding, ...] = ()

    def count(self, *outcomes: Outcome) -> int:
        return sum(count for (_, outcome), count in self.counts.items() if outcome in outcomes)

    @property
    def repaired(self) -> int:
        return self.count("repaired")

    @property
    def unrepaired(self) -> int:
        return self.count("repairable", "reported")


@dataclass(frozen=True, slots=True)
class AuditState:
    """The last complete cycle, and since when another one is running."""

    report: Report | None
    running_since: int | None
    requested_at: int | None


class Findings:
    """Collects what a cycle finds, in bounded memory."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[Kind, Outcome]] = Counter()
        self._described: dict[Outcome, list[Finding]] = {outcome: [] for outcome in OUTCOMES}
        self._seen: set[Finding] = set()

    def add(self, findings: Iterable[Finding]) -> None:
        """The same finding counts once, although a cycle may check a structure twice."""
        for finding in findings:
            described = self._described[finding.outcome]
            if finding in self._seen:
                continue
            self.counts[finding.kind, finding.outcome] += 1
            if len(described) < DESCRIBED:
                described.append(finding)
                self._seen.add(finding)

    def has(self, kind: Kind) -> bool:
        return any(self.counts[kind, outcome] for outcome in OUTCOMES)

    @property
    def described(self) -> tuple[Finding, ...]:
        order: tuple[Outcome, ...] = ("reported", "repairable", "repaired")
        return tuple(finding for outcome in order for finding in self._described[outcome])
