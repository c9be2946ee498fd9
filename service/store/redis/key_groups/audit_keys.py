"""The keys of audits (docs/adr/0050)."""

from service.store.redis.keys import define

audit = define(
    "audit", "HASH", "Whose turn it is to audit the namespace, when the next is due, and the last report."
)
requested = define(
    "audit_requested", "STRING", "When an operator asked for an audit; deleted when one begins; expires."
)
changes = define(
    "audit_changes", "SET", "Jobs and groups that have changed while an audit counts them; expires."
)
