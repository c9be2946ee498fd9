"""Every Redis key of Triage: a function that builds it, its type, and one sentence."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """An item of docs/reference/redis-keys.md. `pattern` comes after the namespace's prefix."""

    pattern: str
    type: str
    meaning: str


CATALOGUE: list[Key] = []


def _key(pattern: str, type_: str, meaning: str) -> Callable[..., str]:
    CATALOGUE.append(Key(pattern, type_, meaning))

    def build(prefix: str, **parts: str) -> str:
        return prefix + pattern.format(**parts)

    return build


#: For the keys in other modules.
define = _key


def prefix(namespace: str) -> str:
    """The hash tag puts a namespace into one cluster slot, so that a script can use several of its keys."""
    return f"triage:{{{namespace}}}:"


job = _key(
    "job:{id}",
    "HASH",
    "A job: state, traits, payload, result, counters. Only this key has its state.",
)
attempts = _key(
    "job:{id}:attempts", "LIST", "One JSON document per failed or crashed attempt, oldest first, at most 50."
)
logs = _key(
    "job:{id}:logs", "LIST", "What the handler logged with ctx.log, oldest first, at most 1,000 lines."
)

dependents = _key(
    "job:{id}:dependents",
    "ZSET",
    "Jobs that wait for this one, by condition: 0 succeeded, 1 failed, 2 finished, 3 child, 4 follow-up.",
)
dependencies = _key(
    "job:{id}:dependencies",
    "HASH",
    "The job's dependencies, by the key under which its handler reads them: condition and id.",
)
waits = _key("job:{id}:waits", "SET", "Ids of the job's unfinished dependencies.")
ended = _key(
    "ended:{id}",
    "HASH",
    "State, result, error and options of a deleted job whose flow is unfinished.",
)

group = _key(
    "group:{group}",
    "HASH",
    "A flow or fan-out: settings, state, and the number of its jobs in each state.",
)
group_jobs = _key("group:{group}:jobs", "HASH", "Job ids of a flow by job key.")
group_items = _key("group:{group}:items", "STRING", "Bitmap of the item indexes that a fan-out has accepted.")
shared_payload = _key(
    "payload:{group}",
    "HASH",
    "The common part of a fan-out's payloads (json), and how many jobs refer to it.",
)
groups = _key("groups:{kind}", "ZSET", "Flows, or fan-outs, by creation time.")
group_retention = _key(
    "group_retention", "ZSET", "Finished flows and fan-outs, by the time at which they are deleted."
)
open_fan_outs = _key("open_fan_outs", "ZSET", "Open fan-outs, by the time at which they are abandoned.")
staged = _key("staged", "ZSET", "Flows that are stored but not committed, by the time of their first job.")
tasks = _key(
    "tasks",
    "ZSET",
    "Work on flows and fan-outs that is too large for one script, oldest first.",
)

action = _key(
    "action:{action}",
    "HASH",
    "A bulk action: verb, filter, state, counts, and its position in the list of jobs.",
)
actions = _key("actions", "ZSET", "Bulk actions, by creation time.")
running_actions = _key(
    "running_actions", "ZSET", "Running bulk actions, by the time at which their next batch may run."
)
action_retention = _key(
    "action_retention", "ZSET", "Finished bulk actions, by the time at which they are deleted."
)

queues = _key("queues", "ZSET", "Names of the queues that have jobs or settings, in alphabetical order.")
queue = _key("queue:{queue}", "HASH", "Settings of a queue: paused, aging_ms, limits, version.")
state = _key("queue:{queue}|{state}", "ZSET", "Jobs of a queue in one state; the score is created_at.")
types = _key(
    "queue:{queue}|types",
    "ZSET",
    "Job types with queued jobs without a limit key; the score is the first job's.",
)
keyed = _key(
    "queue:{queue}|keyed",
    "ZSET",
    "Job types with open lanes of limit keys, by the rank of their first lane.",
)
lanes = _key(
    "queue:{queue}|lanes:{name}",
    "ZSET",
    "Open lanes of a type's limit keys, by the first job's score, as if queued at the lane's last start.",
)
lane = _key(
    "queue:{queue}|lane:{name}|{lane}",
    "ZSET",
    "Queued jobs in running order: queued_at + priority * aging. Lane: limit key, `key|fan-out` or empty.",
)
served = _key(
    "served",
    "HASH",
    "When each lane with jobs (`queue|type|lane`) last started one; `queue|` = lanes without a key.",
)
key_limits = _key("queue:{queue}|keys", "HASH", "Limits of individual limit keys, `concurrency|rate`.")
rates = _key(
    "queue:{queue}|rates:{interval}",
    "HASH",
    "Jobs enqueued, finished and failed in an interval of ten seconds; expires.",
)

queue_defaults = _key("defaults", "HASH", "Options that the jobs of each queue inherit, JSON.")
frozen = _key(
    "queue:{queue}|frozen",
    "ZSET",
    "Freezes of a queue (`key:<limit key>` or `type:<type>`), by the time at which they end.",
)
frozen_by = _key(
    "queue:{queue}|frozen_by", "HASH", "For each entry of `frozen`, the id of the job that caused the freeze."
)
ready = _key(
    "ready",
    "ZSET",
    "Job types that some queue may start; the score is the number of queues. See ready:<type>.",
)
ready_queues = _key(
    "ready:{name}",
    "ZSET",
    "Queues that may start a job of the type, by position: the queue served last is at the end.",
)
ready_position = _key("ready_position", "STRING", "The position given to the last queue in a ready:<type>.")
closed = _key(
    "queue:{queue}|closed",
    "SET",
    "Job types not in ready:<type>, as a claim found the queue or its type paused or at a limit.",
)
limiters = _key("limiters", "HASH", "Concurrency of limiters outside any queue: `fan:<fan-out>`.")
closed_limiters = _key(
    "closed_limiters",
    "ZSET",
    "Closed limiters (`queue:<queue>`, `type:` and `key:<queue>|<...>`, `fan:<fan-out>`) by when they open.",
)
rescans = _key(
    "rescans", "HASH", "The progress of checking closed limiters after a queue's settings changed."
)
closed_lanes = _key(
    "closed_lanes:{limiter}", "SET", "Lanes that their limiter has closed: `queue|type|lane`."
)
busy = _key("busy", "HASH", "Running jobs of each limit key and fan-out, by limiter.")
starts = _key(
    "starts:{limiter}", "LIST", "The starts that a rate still counts, in microseconds, oldest first."
)
due = _key("due", "ZSET", "Scheduled and retrying jobs by the time at which they are due.")
due_in_queue = _key(
    "queue:{queue}|due",
    "ZSET",
    "Scheduled and retrying jobs of one queue, by the time at which they are due.",
)
leases = _key("leases", "ZSET", "Running jobs by the time at which their lease expires.")
expiry = _key("expiry", "ZSET", "Jobs that may expire or miss their deadline, by the earlier of the two.")
cancelling = _key(
    "cancelling", "ZSET", "Running jobs with a cancel request, by the time at which Triage forces it."
)
retention = _key("retention", "ZSET", "Finished jobs by the time at which they are pruned.")
announced_retention = _key(
    "announced_retention",
    "STRING",
    "The latest end of a retention that Triage announced to the workers; expires.",
)
tag = _key("tag:{key}:{value}", "ZSET", "Jobs with a tag, by creation time.")
unique = _key("unique:{queue}|{key}", "STRING", "Id of the job that holds a unique key.")
follower = _key(
    "follower:{queue}|{key}", "STRING", "Id of the job that runs once after the holder of a unique key."
)
replacement = _key(
    "replacement:{id}", "HASH", "The waiting job that this submission replaced; expires after a minute."
)
schedules = _key("schedules", "ZSET", "Names of the schedules, in alphabetical order.")
schedule = _key(
    "schedule:{name}",
    "HASH",
    "A schedule: definition (JSON), version, anchor, paused, next fire time.",
)
runs = _key(
    "runs:{name}",
    "LIST",
    'The last runs of a schedule, newest first: "fire-time at outcome job-id", at most 50.',
)
fire_times = _key("fire_times", "ZSET", "Schedules by the time at which they fire next.")
idempotency = _key(
    "idempotency:{digest}", "HASH", "The result of a submission with an Idempotency-Key; expires after 24 h."
)
watched = _key(
    "watched",
    "ZSET",
    "Jobs, flows and fan-outs that a client watches, by the time (s) at which the watch expires.",
)
events = _key(
    "events",
    "ZSET",
    "The last changes while a process watches `*`, by time (us); expires. See event_log.lua.",
)
counters = _key(
    "counters", "HASH", "Totals since the namespace was created: stale finishes, rescues, pruned jobs."
)
dead_groups = _key(
    "dead_groups", "ZSET", "Groups of dead letters with the same cause, by their latest death."
)
dead_group = _key(
    "dead_group:{fingerprint}", "HASH", "A group: job type, error, first and last death, queues, versions."
)
dead_group_jobs = _key("dead_group:{fingerprint}:jobs", "ZSET", "The dead jobs of a group, by creation time.")
dead = _key("dead", "HASH", "The number of dead jobs by <reason>:<queue>.")

unroutable_types = _key(
    "unroutable_types",
    "HASH",
    "Job types with queued jobs that no worker knows, and since when; `|` is the time of the last check.",
)

workers = _key("workers", "ZSET", "Workers by start time.")
worker = _key(
    "worker:{worker}", "HASH", "A worker's description of itself, and whether the API requested a drain."
)
inbox = _key(
    "worker:{worker}:inbox",
    "ZSET",
    "A marker that wakes a worker's heartbeat after a cancel or drain request. Also a channel.",
)
claim = _key(
    "worker:{worker}:claim",
    "STRING",
    "The last claim's request id and jobs, so that repeating the claim changes nothing.",
)
pools = _key("pools", "HASH", "Pools (workers with the same queues and types) and what each can run.")
wake = _key("wake:{pool}", "ZSET", "A marker that wakes an idle worker of a pool; for `@...` also a channel.")
catalogue = _key("catalogue", "HASH", "Job types as workers published them, JSON.")
replicated = _key(
    "replicated", "STRING", "A marker that `Durability: replicated` waits for on a replica; expires."
)
reachability = _key(
    "reachability",
    "STRING",
    "Since when a process has reached Redis without a gap, and when one last did.",
)
held_leases = _key(
    "held_leases",
    "STRING",
    "Two times: a lease that expires after the first is not rescued before the second.",
)
worker_lost = _key(
    "worker_lost", "STRING", "A worker was lost in the last minute, so starting workers are cautious."
)

#: For keys that have their own module.
define = _key

#: The PUBLISH channel (not a key) on which changes of watched jobs are announced.
CHANGES = "changes"

#: The channel on which workers of several namespaces hear that something happens in one of them again.
ACTIVITY = "activity"

#: API keys have their own prefix, so that key patterns for workers in Redis's access lists do not match them.
ACCESS_PREFIX = "triage-access:{keys}:"
access_key = _key(
    "key:{digest}", "HASH", "An API key, by the SHA-256 of its secret (prefix triage-access:{{keys}}:)."
)
access_keys = _key(
    "keys",
    "HASH",
    "Ids of API keys and the digests of their secrets, newest first (prefix triage-access:{{keys}}:).",
)
