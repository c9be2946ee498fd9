#!lua flags=allow-oom
-- Deletes an endpoint for webhooks with its deliveries, also those that are pending.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] id   ARGV[3] expected version, "" = any
-- Returns moved | version | missing
-- Uses: keys, delivery_lanes
local P, id = keys.prefix, ARGV[2]
local key = delivery_lanes.endpoint_key(id)
local found = redis.call('HMGET', key, 'version', 'pending')
if not found[1] then return 'missing' end
if ARGV[3] ~= '' and ARGV[3] ~= found[1] then return 'version' end
-- Checks above, writes below.
-- Not -0, which Redis before 7.2 would send as the text '-0', and refuse.
redis.call('HINCRBY', P .. 'counters', 'deliveries_pending', 0 - (found[2] or 0))
redis.call('HDEL', P .. 'subscriptions', id)
redis.call('ZREM', P .. 'webhooks', id)
redis.call('ZREM', P .. 'outbox', id)
redis.call('UNLINK', key, delivery_lanes.pending_key(id), delivery_lanes.ended_key(id), delivery_lanes.line_key(id),
  delivery_lanes.waiting_key(id), delivery_lanes.failing_key(id))
return 'moved'
