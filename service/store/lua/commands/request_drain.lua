#!lua flags=allow-oom
-- Requests a worker to drain. Its next heartbeat reports that, and a marker in its inbox makes the heartbeat come now.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] worker id
-- Returns 1, or 0 if the worker is not registered
-- Uses: keys, wake_workers
local key = keys.prefix .. 'worker:' .. ARGV[2]
if redis.call('EXISTS', key) == 0 then return 0 end
redis.call('HSET', key, 'drain_requested', 1)
wake_workers.one(ARGV[2])
return 1
