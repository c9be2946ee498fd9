#!lua flags=allow-oom
-- Ask a worker to drain: its next heartbeat hears of it, and a marker in its inbox makes that now.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] worker id
-- Returns 1, or 0 for a worker that is not registered
local P, id = KEYS[1], ARGV[2]
if redis.call('EXISTS', P .. 'worker:' .. id) == 0 then return 0 end
redis.call('HSET', P .. 'worker:' .. id, 'drain_requested', 1)
redis.call('ZADD', P .. 'worker:' .. id .. ':inbox', 0, '1')
redis.call('PEXPIRE', P .. 'worker:' .. id .. ':inbox', 60000)
return 1
