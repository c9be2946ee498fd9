"""Every Redis key of Triage: a function, its type, one sentence; those of a namespace share a hash tag."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """A row of docs/reference/redis-keys.md. `pattern` is relative to the namespace's prefix."""

    pattern: str
    type: str
    meaning: str


CATALOGUE: list[Key] = []


def _key(pattern: str, type_: str, meaning: str) -> Callable[..., str]:
    CATALOGUE.append(Key(pattern, type_, meaning))

    def build(prefix: str, **parts: str) -> str:
        return prefix + pattern.format(**parts)

    return build


def prefix(namespace: str) -> str:
    """The hash tag makes a namespace one cluster slot, so one script can move all that belongs together."""
    return f"triage:{{{namespace}}}:"


job = _key(
    "job:{id}", "HASH", "The job: state, counters, payload, result. No other key says what state it is in."
)
attempts = _key(
    "job:{id}:attempts", "LIST", "One JSON text per failed or crashed attempt, oldest first, at most 50."
)
logs = _key(
    "job:{id}:logs", "LIST", "What the handler logged with ctx.log, oldest first, at most 1,000 lines."
)

dependents = _key(
    "job:{id}:dependents",
    "ZSET",
    "Jobs that wait for this one, by demand: 0 succeeded, 1 failed, 2 finished, 3 child, 4 follow-up.",
)
dependencies = _key(
    "job:{id}:dependencies",
    "HASH",
    "What this job waits for, by the key under which its handler reads it: demand and id.",
)
waits = _key("job:{id}:waits", "SET", "Ids that have not ended yet of what this job waits for.")
ended = _key(
    "ended:{id}",
    "HASH",
    "State, result, error and options of a job that was forgotten while its flow goes on.",
)

group = _key(
    "group:{group}",
    "HASH",
    "A flow or fan-out: settings, state, and how many of its jobs are in each state.",
)
group_jobs = _key("group:{group}:jobs", "HASH", "Job ids of a flow by their keys.")
group_items = _key("group:{group}:items", "STRING", "Bitmap of the item indexes that a fan-out has taken.")
shared_payload = _key(
    "payload:{group}",
    "HASH",
    "What the payloads of a fan-out's items share (json), and how many jobs refer to it.",
)
groups = _key("groups:{kind}", "ZSET", "Flows, or fan-outs, by creation.")
group_retention = _key(
    "group_retention", "ZSET", "Flows and fan-outs that have ended, by the time at which they are forgotten."
)
filling = _key("filling", "ZSET", "Fan-outs that are open, by the time at which they are given up.")
staged = _key("staged", "ZSET", "Flows whose jobs are written but not admitted, by the time of the first.")
tasks = _key(
    "tasks",
    "ZSET",
    "Work on flows and fan-outs that one script could not do, in the order in which it was given.",
)

action = _key(
    "action:{action}",
    "HASH",
    "A bulk action: what it does to which jobs, state, counts, and the place up to which it has come.",
)
actions = _key("actions", "ZSET", "Bulk actions, by creation.")
acting = _key(
    "acting", "ZSET", "Bulk actions that go on, by the time at which their next portion may be done."
)
action_retention = _key(
    "action_retention", "ZSET", "Bulk actions that have ended, by the time at which they are forgotten."
)

queues = _key(
    "queues", "ZSET", "Names of the queues that have jobs or settings, in the order of their letters."
)
queue = _key("queue:{queue}", "HASH", "Settings of a queue: paused, aging_ms, limits, version.")
state = _key(
    "queue:{queue}|{state}", "ZSET", "Jobs of a queue in one state, by creation: its score is created_at."
)
types = _key(
    "queue:{queue}|types",
    "ZSET",
    "Job types with queued jobs that have no limit key; the score is that of the type's first job.",
)
keyed = _key(
    "queue:{queue}|keyed",
    "ZSET",
    "Job types with open lanes of limit keys, by the rank of the first of them.",
)
lanes = _key(
    "queue:{queue}|lanes:{name}",
    "ZSET",
    "Open lanes of a type's limit keys: by the first job's score, as if queued at the lane's last start.",
)
lane = _key(
    "queue:{queue}|lane:{name}|{lane}",
    "ZSET",
    "Queued jobs in running order: queued_at + priority * aging. Lane: limit key, `key|fan-out` or empty.",
)
served = _key(
    "served",
    "HASH",
    "When each lane that has jobs (`queue|type|lane`) last started one; `queue|` = those without a key.",
)
key_limits = _key("queue:{queue}|keys", "HASH", "Limits of single limit keys, `concurrency|rate`.")
rates = _key(
    "queue:{queue}|rates:{slot}",
    "HASH",
    "Jobs enqueued, finished and failed in one slot of ten seconds; expires.",
)

queue_defaults = _key("defaults", "HASH", "Per queue the options that lie under those of its jobs, JSON.")
frozen = _key(
    "queue:{queue}|frozen",
    "ZSET",
    "What a rate-limited job froze in a queue (`key:<limit key>` or `type:<type>`), by when that ends.",
)
frozen_by = _key("queue:{queue}|frozen_by", "HASH", "Per entry of `frozen`: id of the job that froze it.")
ready = _key(
    "ready", "ZSET", "Job types that some queue may start; the score is in how many queues. See ready:<type>."
)
ready_queues = _key(
    "ready:{name}",
    "ZSET",
    "Queues that may start a job of the type, by turn: the one that was served last stands at the end.",
)
turn = _key("turn", "STRING", "The number that the last queue in a line of ready:<type> was given.")
closed = _key(
    "queue:{queue}|closed",
    "SET",
    "Job types that left their line: a claim found the queue, or the type in it, paused or at its limit.",
)
limiters = _key("limiters", "HASH", "Concurrency of limiters that belong to no queue: `fan:<fan-out>`.")
parked = _key(
    "parked",
    "ZSET",
    "Closed limiters (`queue:<queue>`, `type:` and `key:<queue>|<...>`, `fan:<fan-out>`) by when they open.",
)
rescans = _key(
    "rescans", "HASH", "How far the closed limiters were looked through for a queue whose settings changed."
)
parked_lanes = _key("parked:{limiter}", "SET", "Lanes that are closed with their limiter: `queue|type|lane`.")
busy = _key("busy", "HASH", "Running jobs of each limit key and fan-out, by limiter.")
starts = _key(
    "starts:{limiter}", "LIST", "The last starts that a rate counts, in microseconds, oldest first."
)
due = _key("due", "ZSET", "Scheduled and retrying jobs by the time at which they are due.")
due_in_queue = _key("queue:{queue}|due", "ZSET", "The same of one queue.")
leases = _key("leases", "ZSET", "Running jobs by the time at which their lease expires.")
expiry = _key("expiry", "ZSET", "Jobs that may expire or miss their deadline, by the earlier of the two.")
cancelling = _key(
    "cancelling", "ZSET", "Running jobs asked to be cancelled, by the time at which that is forced."
)
retention = _key("retention", "ZSET", "Finished jobs by the time at which they are pruned.")
pruners_told = _key(
    "pruners_told",
    "STRING",
    "The end of a job's retention that workers have just been told of; expires.",
)
tag = _key("tag:{key}:{value}", "ZSET", "Jobs with a tag, by creation.")
unique = _key("unique:{queue}|{key}", "STRING", "Id of the job that holds a unique key.")
follower = _key(
    "follower:{queue}|{key}", "STRING", "Id of the job that runs once after the holder of a unique key."
)
taken = _key(
    "taken:{id}", "HASH", "The waiting job that took over a submission with this id; expires after a minute."
)
schedules = _key("schedules", "ZSET", "Names of the schedules, in the order of their letters.")
schedule = _key(
    "schedule:{name}",
    "HASH",
    "A schedule: definition (JSON), version, anchor, paused, the slot that fires next.",
)
runs = _key(
    "runs:{name}", "LIST", 'The last runs of a schedule, newest first: "slot at outcome job-id", at most 50.'
)
slots = _key("slots", "ZSET", "Schedules by the time at which they fire next.")
idempotency = _key(
    "idempotency:{digest}", "HASH", "What a submission with an Idempotency-Key became; expires after 24 h."
)
watched = _key(
    "watched",
    "ZSET",
    "Jobs, flows and fan-outs that somebody waits for, by the time (s) at which that is void unless renewed.",
)
counters = _key("counters", "HASH", "Totals since the namespace began: stale finishes, rescues, pruned jobs.")
dead = _key("dead", "HASH", "Dead jobs by <reason>:<queue>, counted as they come and go.")

stranded = _key(
    "stranded",
    "HASH",
    "Job types with queued jobs that no worker knows, and since when; `|`: the last look for them.",
)

workers = _key("workers", "ZSET", "Workers by the time at which they started.")
worker = _key("worker:{worker}", "HASH", "What a worker says of itself, and whether it was asked to drain.")
inbox = _key(
    "worker:{worker}:inbox",
    "ZSET",
    "A marker that wakes a worker's heartbeat: something was cancelled or drained.",
)
claim = _key(
    "worker:{worker}:claim",
    "STRING",
    "The last claim's request id and jobs, so that a claim sent again changes nothing.",
)
pools = _key("pools", "HASH", "Pools (workers alike in queues and types): what each can run.")
wake = _key("wake:{pool}", "ZSET", "A marker that wakes one idle worker of a pool.")
catalogue = _key("catalogue", "HASH", "Job types as their workers published them, JSON.")
pulse = _key(
    "pulse",
    "STRING",
    "Since when some process has reached Redis without a gap, and when one did last.",
)
held_leases = _key(
    "held_leases",
    "STRING",
    "Two times: leases that end after the first are not taken from their holders before the second.",
)
worker_lost = _key("worker_lost", "STRING", "A worker was lost in the last minute: who starts is careful.")

#: The PUBLISH channel (not a key) on which changes of watched jobs are announced.
CHANGES = "changes"

#: API keys belong to no namespace: they name one. They lie beside all namespaces, so that no pattern of keys
#: that a worker needs reaches them.
ACCESS_PREFIX = "triage-access:{keys}:"
access_key = _key(
    "key:{digest}", "HASH", "An API key by the SHA-256 of its secret (prefix triage-access:{{keys}}:)."
)
access_keys = _key(
    "keys",
    "HASH",
    "Ids of API keys and the digests that they are stored under (prefix triage-access:{{keys}}:).",
)
