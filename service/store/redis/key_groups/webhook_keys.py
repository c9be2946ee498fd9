"""The Redis keys of webhooks."""

from service.store.redis.keys import CATALOGUE as CATALOGUE
from service.store.redis.keys import define

webhooks = define("webhooks", "ZSET", "Endpoints of webhooks, by creation time.")
webhook = define(
    "webhook:{endpoint}",
    "HASH",
    "An endpoint: URL, events, signing secrets, counts. `callbacks` has the secrets that sign callbacks.",
)
webhook_pending = define(
    "webhook:{endpoint}:pending", "ZSET", "Records of pending deliveries, by number; at most 50,000."
)
webhook_ended = define(
    "webhook:{endpoint}:ended", "ZSET", "Records of the last 1,000 ended deliveries, by number."
)
subscriptions = define("subscriptions", "HASH", "The events that each enabled endpoint wants.")
outbox = define(
    "outbox",
    "ZSET",
    "Targets (endpoints, and origins of callback URLs) by the time at which their next delivery is due.",
)
outbox_lines = define(
    "outbox:{target}",
    "ZSET",
    "Resources with pending deliveries to a target, by when the first is due or its lease ends.",
)
outbox_waiting = define(
    "outbox:{target}:waiting", "HASH", "For each of these resources, the numbers of its deliveries in order."
)
outbox_failing = define(
    "outbox:{target}:failing", "STRING", "Since when no attempt has succeeded; expires after a week."
)
outbox_idle = define("outbox_idle", "STRING", "The worker that the next event for a webhook wakes.")
