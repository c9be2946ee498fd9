"""Redis keys of API keys and of namespaces as a resource."""

from service.store.redis.keys import define

namespace = define("namespace", "HASH", "The namespace's record, if an operator has created it.")
deleted = define(
    "deleted", "STRING", "A marker of a deleted namespace that has not been used since; expires."
)
quotas = define("quotas", "HASH", "Quotas that scripts enforce, and what is used; absent without quotas.")
limit_key_jobs = define("limit_key_jobs", "HASH", "With quotas: unfinished jobs by limit key (`queue|key`).")
unique_names = define("unique_names", "ZSET", "With quotas: unique keys (`queue|key`) by when they end.")
idempotency_usage = define(
    "idempotency_usage",
    "HASH",
    "With quotas: bytes of idempotency records by the minute in which they expire, and their total; expires.",
)

access_keys_of = define(
    "keys_of:{namespace}",
    "ZSET",
    "Ids of the API keys of a namespace, by creation time (prefix triage-access:{{keys}}:).",
)
access_keys_used = define(
    "keys_used",
    "HASH",
    "When each API key was last used, to within a minute (prefix triage-access:{{keys}}:).",
)
namespaces = define(
    "namespaces", "ZSET", "Names of the namespaces with a record (prefix triage-access:{{keys}}:)."
)
