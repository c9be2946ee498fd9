"""Damages to the structures of a shop (shop.py), each made by hand with Redis commands."""

from dataclasses import dataclass

#: A job that does not exist.
GONE = "job_0000000000000000000000GONE"


@dataclass(frozen=True)
class Damage:
    """What `commands` break, and the kinds that an audit must report about it.

    Words of a command with {braces} stand for ids of the shop; the second word is a key. `repaired`: the
    audit makes the namespace sound again; otherwise what would be right is not certain.
    """

    name: str
    kinds: tuple[str, ...]
    commands: tuple[str, ...]
    repaired: bool = True


def _repaired(kind: str, name: str, *commands: str) -> Damage:
    return Damage(name, (kind,), commands)


def _reported(kind: str, name: str, *commands: str) -> Damage:
    return Damage(name, (kind,), commands, repaired=False)


JOBS = (
    _reported("unreadable_record", "a tag is a text", "SET tag:shop:a text"),
    _reported("unreadable_record", "a job is a text", "SET job:{scheduled} text"),
    _repaired("missing_entry", "a queued job is in no set of states", "ZREM queue:default|queued {queued}"),
    _repaired("extra_entry", "a job is in two sets of states", "ZADD queue:default|dead 5 {queued}"),
    _repaired("extra_entry", "a job is in the set of another queue", "ZADD queue:ends|queued 5 {queued}"),
    _repaired(
        "dangling_entry", "a set of states has a job that is gone", f"ZADD queue:default|queued 5 {GONE}"
    ),
    _repaired("wrong_score", "a job is listed at the wrong time", "ZADD queue:default|queued 5 {queued}"),
    _repaired("missing_entry", "a scheduled job is never due", "ZREM due {scheduled}"),
    _repaired("missing_entry", "a queue does not know a due job", "ZREM queue:ends|due {retrying}"),
    _repaired(
        "missing_entry", "no order has a due job", "ZREM due {retrying}", "ZREM queue:ends|due {retrying}"
    ),
    _repaired("wrong_score", "a job is due at two times", "ZADD queue:ends|due 5 {retrying}"),
    _repaired("extra_entry", "a queued job is due", "ZADD due 5 {queued}"),
    _repaired("missing_entry", "a running job has no lease", "ZREM leases {running}"),
    _repaired("extra_entry", "a finished job has a lease", "ZADD leases 5 {succeeded}"),
    _repaired("dangling_entry", "a lease is of a job that is gone", f"ZADD leases 5 {GONE}"),
    _repaired("missing_entry", "a finished job is kept forever", "ZREM retention {succeeded}"),
    _repaired("missing_entry", "a dead job is kept forever", "ZREM retention {dead}"),
    _repaired("extra_entry", "a running job has a retention", "ZADD retention 5 {running}"),
    _repaired("missing_entry", "a job never expires", "ZREM expiry {expiring}"),
    _repaired("extra_entry", "a finished job expires", "ZADD expiry 5 {succeeded}"),
    _repaired("missing_entry", "a cancel is never forced", "ZREM cancelling {stopping}"),
    _repaired("extra_entry", "a cancel of no one is forced", "ZADD cancelling 5 {running}"),
    _repaired("missing_entry", "a tag does not find its job", "ZREM tag:shop:a {queued}"),
    _repaired("dangling_entry", "a tag finds a job that is gone", f"ZADD tag:shop:a 5 {GONE}"),
    _repaired(
        "missing_entry",
        "a job is in no index",
        "ZREM queue:default|queued {queued}",
        "ZREM queue:default|lane:work| {queued}",
    ),
    _reported("unreadable_record", "the counts of slots are a text", "SET busy text"),
    _reported("unreadable_record", "a count of slots is no number", "HSET busy key:ends|a text"),
    _reported("unreadable_record", "a quota is no number", "HSET quotas used_jobs text"),
    _reported("unreadable_record", "a fan-out is a text", "SET group:{fan_out} text"),
    _reported("unreadable_record", "a count of a flow is no number", "HSET group:{flow} queued text"),
    _reported("unreadable_record", "an index has a name that is no text", "ZADD due 5 \udcff"),
    _reported("unreadable_record", "a job has an unknown state", "HSET job:{queued} state lost"),
    _reported("unreadable_record", "a job has no traits", "HDEL job:{queued} traits"),
    _repaired("dangling_entry", "a job that is gone has logs", f"RPUSH job:{GONE}:logs line"),
)
LANES = (
    _repaired("missing_entry", "a queued job is in no lane", "ZREM queue:default|lane:work| {queued}"),
    _repaired("dangling_entry", "a lane has a job that is gone", f"ZADD queue:default|lane:work| 5 {GONE}"),
    _repaired("extra_entry", "a job is in two lanes", "ZADD queue:default|lane:work|a 5 {queued}"),
    _repaired("unreachable_lane", "a queue has forgotten its types", "DEL queue:default|types"),
    _repaired("unreachable_lane", "a type is not where its first job is", "ZADD queue:default|types 5 work"),
    _repaired("unreachable_lane", "a lane has no rank", "ZREM queue:default|lanes:work a"),
    _repaired("unreachable_lane", "a type has forgotten its lanes", "ZREM queue:default|keyed work"),
    _repaired("dangling_entry", "an order has an empty lane", "ZADD queue:default|lanes:work 5 nobody"),
    _repaired("unreachable_lane", "a queue is in no line", "ZREM ready:work default"),
    _repaired("dangling_entry", "a line has a queue without jobs", "ZADD ready:work 5 nowhere"),
    _repaired("wrong_count", "a line has the wrong length", "ZADD ready 99 work"),
    _repaired("unreachable_lane", "closed lanes never open", "DEL closed_limiters"),
    _repaired("unreachable_lane", "a paused type is lost", "SREM queue:paused|closed work"),
    _repaired("dangling_entry", "an empty lane has had a turn", "HSET served default|work|zz 5"),
    _repaired("missing_entry", "a queue with jobs is not listed", "ZREM queues default"),
    _repaired("dangling_entry", "a queue without anything is listed", "ZADD queues 0 unused"),
)
CAUSES = (
    _repaired("missing_entry", "a cause has lost a job", "ZREM dead_group:{cause}:jobs {dead}"),
    _repaired("missing_entry", "a cause is not listed", "ZREM dead_groups {cause}"),
    _repaired("missing_entry", "a cause is not described", "DEL dead_group:{cause}"),
    _repaired("missing_entry", "a dead job does not know its cause", "HDEL job:{dead} fingerprint"),
    _repaired("extra_entry", "a living job has a cause of death", "HSET job:{queued} fingerprint abc"),
    _repaired(
        "dangling_entry",
        "a cause has no jobs",
        "HSET dead_group:ffff first_seen 5",
        "ZADD dead_groups 5 ffff",
    ),
)
GROUPS = (
    _repaired("lost_dependency", "a blocked job waits for nothing", "DEL job:{then}:waits"),
    _repaired("lost_dependency", "a job will not notify its dependent", "ZREM job:{first}:dependents {then}"),
    _repaired("lost_dependency", "a job does not know of dependents", "HDEL job:{first} linked"),
    _repaired("lost_dependency", "a fan-out will not notify", "DEL job:{fan_out}:dependents"),
    _reported("blocked_forever", "a job waits for one that is gone", f"SADD job:{{then}}:waits {GONE}"),
    _reported("blocked_forever", "a job waits without a condition", "SADD job:{then}:waits {only}"),
    _repaired("missing_entry", "a flow is not listed", "ZREM groups:flow {flow}"),
    _repaired("extra_entry", "a flow is listed that is gone", "ZADD groups:flow 5 flow_gone"),
    _repaired("missing_entry", "a finished flow is kept forever", "ZREM group_retention {done}"),
    _repaired("extra_entry", "a running flow has a retention", "ZADD group_retention 5 {flow}"),
    _repaired("missing_entry", "an open fan-out is never abandoned", "ZREM open_fan_outs {open}"),
    _repaired("extra_entry", "a visible flow is staged", "ZADD staged 5 {flow}"),
    _repaired("missing_entry", "the limit of a fan-out is lost", "HDEL limiters fan:{fan_out}"),
    _reported("dangling_entry", "a limit is of a fan-out that is gone", "HSET limiters fan:gone 1"),
    _repaired("missing_entry", "a flow has lost a job", "HDEL group:{flow}:jobs first"),
    _reported("conflicting_jobs", "a flow has another job instead", "HSET group:{flow}:jobs first {queued}"),
    _repaired(
        "unfinished_group",
        "a flow has not finished with its jobs",
        "HSET group:{done} state running",
        "HDEL group:{done} finished_at",
        "ZREM group_retention {done}",
    ),
    _repaired("wrong_count", "a flow counts too many jobs", "HINCRBY group:{flow} queued 3"),
    _repaired(
        "wrong_count", "a fan-out counts too few finished items", "HINCRBY group:{fan_out} succeeded -1"
    ),
    _repaired(
        "wrong_count", "a fan-out has lost its counts", "HDEL group:{fan_out} queued running succeeded"
    ),
)
COUNTERS = (
    _repaired("wrong_count", "a common payload has too many references", "HINCRBY payload:{fan_out} jobs 2"),
    _repaired("wrong_count", "a limiter counts too many running jobs", "HINCRBY busy key:ends|a 1"),
    _repaired("wrong_count", "a limiter counts no running jobs", "HDEL busy key:ends|a fan:{fan_out}"),
    _repaired("wrong_count", "a limiter is busy with nothing", "HSET busy key:ends|zz 3"),
    _repaired("wrong_count", "dead jobs are counted twice", "HINCRBY dead non_retryable:ends 1"),
    _repaired("wrong_count", "dead jobs of no queue are counted", "HSET dead expired:nowhere 2"),
    _repaired("wrong_count", "a limit key has too many jobs", "HINCRBY limit_key_jobs ends|a 7"),
    _repaired("wrong_count", "a quota counts too many jobs", "HINCRBY quotas used_jobs 5"),
    _repaired("wrong_count", "a quota counts too few bytes", "HINCRBY quotas used_bytes -999"),
    _reported("missing_payload", "a common payload is lost", "DEL payload:{fan_out}"),
)
NAMES = (
    _repaired("unique_key", "a job has lost its unique key", "DEL unique:default|u"),
    _repaired("unique_key", "the holder of a unique key is gone", f"SET unique:default|x {GONE}"),
    _reported("unique_key", "a finished job has another one's key", "SET unique:default|x {succeeded}"),
    _reported("unique_key", "two jobs have a unique key", "SET unique:default|u {queued}"),
    _repaired("unique_key", "a holder with a follower has lost its key", "DEL unique:ends|h"),
    _repaired("unique_key", "the follower is not known", "DEL follower:ends|h"),
    _repaired("unique_key", "a follower is gone", f"SET follower:default|u {GONE}"),
    _repaired("dangling_entry", "a quota counts a key that is free", "ZADD unique_names +inf default|free"),
    _repaired("missing_entry", "a quota does not count a key", "ZREM unique_names default|u"),
    _repaired(
        "never_expires", "an idempotency record never expires", "HSET idempotency:abc request r id i at 5"
    ),
    _repaired("missing_entry", "a schedule never fires", "ZREM fire_times nightly"),
    _repaired("wrong_score", "a schedule fires at another time", "ZADD fire_times 5 nightly"),
    _repaired("missing_entry", "a schedule is not listed", "ZREM schedules nightly"),
    _repaired("dangling_entry", "a schedule is gone", "ZADD schedules 0 gone"),
    _repaired("missing_entry", "a bulk action never continues", "ZREM running_actions {action}"),
    _repaired("dangling_entry", "a bulk action is gone", "ZADD actions 5 act_gone"),
    _repaired("dangling_entry", "a worker is gone", "ZADD workers 5 wk_gone"),
    _repaired("wrong_count", "an endpoint has too many deliveries", "HINCRBY webhook:{webhook} pending 1"),
    _repaired("wrong_count", "deliveries are counted twice", "HINCRBY counters deliveries_pending 4"),
    _repaired("missing_entry", "a target is never due", "ZREM outbox {webhook}"),
    _repaired("missing_entry", "a line is never due", "DEL outbox:{webhook}"),
    _repaired("missing_entry", "a delivery is in no line", "DEL outbox:{webhook}:waiting"),
    _repaired("missing_entry", "an endpoint gets no events", "DEL subscriptions"),
    _repaired("extra_entry", "an endpoint that is gone gets events", "HSET subscriptions wh_gone ,job.dead,"),
)
DAMAGES = (*JOBS, *LANES, *CAUSES, *GROUPS, *COUNTERS, *NAMES)
