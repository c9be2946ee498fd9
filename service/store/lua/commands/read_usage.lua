#!lua flags=no-writes
-- What a namespace uses of its quotas.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now
-- Returns {1 if it has quotas, jobs, bytes, queues, limit keys, unique keys, schedules, bytes of idempotency records,
--   bulk actions}
-- Uses: keys, clock, idempotency
local P = keys.prefix
local used = redis.call('HMGET', P .. 'quotas', 'used_jobs', 'used_bytes')
return {
  used[1] and 1 or 0, tonumber(used[1] or 0), tonumber(used[2] or 0), redis.call('ZCARD', P .. 'queues'),
  redis.call('HLEN', P .. 'limit_key_jobs'), redis.call('ZCOUNT', P .. 'unique_names', clock.now, '+inf'),
  redis.call('ZCARD', P .. 'schedules'), idempotency.used(), redis.call('ZCARD', P .. 'actions'),
}
