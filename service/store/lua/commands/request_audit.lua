#!lua flags=allow-oom
-- Asks for an audit now: a worker begins it with its next heartbeat, unless a cycle is running.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] how long the request is valid (ms)
-- Returns {now, "1" if a cycle is running}
-- Uses: keys, clock, wake_workers
local P, now = keys.prefix, clock.now
local turn = redis.call('HMGET', P .. 'audit', 'holder', 'until')
local running = turn[1] and tonumber(turn[2]) > now
redis.call('SET', P .. 'audit_requested', now, 'PX', ARGV[2])
wake_workers.newest(5)
return {now, running and 1 or 0}
