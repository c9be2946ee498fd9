"""A model of unique keys: the holder of each one, and the job behind it."""

from dataclasses import dataclass, field

from service.domain.states import State

START, LEASE, DELAY = 1_900_000_000_000, 15_000, 60_000


@dataclass
class ModelJob:
    """The part of a job that matters for its key."""

    key: str
    until: str
    payload: bytes
    due: int
    state: State
    failures: int = 0
    crashes: int = 0
    losses: int = 0
    delivered: bool = False
    cancel: bool = False


@dataclass
class Model:
    """The holder of each key, and the job behind it."""

    now: int = START
    jobs: dict[str, ModelJob] = field(default_factory=dict[str, ModelJob])
    holder: dict[str, str] = field(default_factory=dict[str, str])
    follower: dict[str, str] = field(default_factory=dict[str, str])

    def rests(self, due: int) -> State:
        return State.SCHEDULED if due > self.now else State.QUEUED

    def release(self, id: str) -> None:
        key = self.jobs[id].key
        if self.follower.get(key) == id:
            del self.follower[key]
        if self.holder.get(key) != id:
            return
        del self.holder[key]
        if (heir := self.follower.pop(key, None)) is not None:
            self.holder[key] = heir
            self.jobs[heir].state = self.rests(self.jobs[heir].due)

    def end(self, id: str, state: State) -> None:
        self.jobs[id].state = state
        self.release(id)

    def submit(
        self, id: str, key: str, conflict: str, until: str, payload: bytes, due: int
    ) -> tuple[str, str]:
        """The result and the job id of a submission."""
        new = ModelJob(key, until, payload, due, self.rests(due))
        holder = self.holder.get(key)
        if holder is not None and conflict != "replace":
            return ("conflict" if conflict == "reject" else "existing"), holder
        target = None
        if holder is not None:
            old = self.jobs[holder]
            if old.state is State.RUNNING:
                target = self.follower.get(key)
                new.state = State.BLOCKED
                self.follower[key] = target or id
            elif old.delivered:
                self.end(holder, State.CANCELLED)
                target = self.holder.get(key)
            else:
                target = holder
        self.jobs[target or id] = new
        if new.state is not State.BLOCKED:
            self.holder[key] = target or id
        return ("replaced" if target else "created"), target or id
