"""Which keys an audit checks in which way."""

from service.domain.states import State

#: Keys whose members, or fields, are names of records of this kind (audit_records.lua).
LISTS = {
    "queues": "queue",
    "ready": "line",
    "served": "lane",
    "schedules": "schedule",
    "fire_times": "schedule",
    "actions": "action",
    "running_actions": "action",
    "action_retention": "action",
    "workers": "worker",
    "webhooks": "endpoint",
    "subscriptions": "endpoint",
    "outbox": "target",
    "dead_groups": "cause",
    "groups:flow": "group",
    "groups:fan": "group",
    "group_retention": "group",
    "open_fan_outs": "group",
    "staged": "group",
    "limiters": "limiter",
    "unique_names": "unique_name",
}
#: Sorted sets of jobs.
ENTRIES = {"due", "leases", "retention", "expiry", "cancelling"}
OF_QUEUE = {*(state.value for state in State), "due"}
#: Keys that are records of this kind, by the beginning of the key; their names have no colon.
RECORDS = {
    "schedule": "schedule",
    "action": "action",
    "webhook": "endpoint",
    "group": "group",
    "dead_group": "cause",
}
#: The same with any names.
NAMED = {"unique": "unique", "follower": "follower", "ready": "line", "closed_lanes": "closed"}
