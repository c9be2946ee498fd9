"""The keys of the history of queues and job types (docs/adr/0042)."""

from service.store.redis.keys import define

minute = define(
    "stats:{minute}",
    "HASH",
    "The counts of a minute that is not stored yet: `q|<queue>|<column>`, `t|<job type>|<column>`.",
)
minutes = define(
    "stats_minutes:{hour}",
    "HASH",
    "The minutes of one of the last two hours, packed: all names in one value.",
)
fives = define("stats_fives", "HASH", "The last three hours in steps of five minutes, packed.")
hour = define(
    "stats_hour:{hour}",
    "HASH",
    "An older hour: its minutes by name, the sums of all names (+queue, +type), which minutes exist (=).",
)
names = define(
    "stats_names",
    "ZSET",
    "Queues and job types with their own history, by the minute of their last activity.",
)
stored = define("stats_stored", "STRING", "The last minute that is stored.")
turn = define("stats_turn", "STRING", "A process is storing a minute; expires.")
marks = define("stats_marks", "ZSET", "Deploys, pauses and resumes of the last day, by time.")
versions = define("stats_versions", "HASH", "The version of the last worker that registered, by pool.")
report = define(
    "worker:{worker}:report",
    "STRING",
    "The number of the worker's last report, so that repeating it is safe.",
)
