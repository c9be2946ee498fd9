#!lua flags=allow-oom
-- Pause, resume or cancel a bulk action. A portion is one script call, so after this one no job is acted upon any more.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] action id   ARGV[3] paused | running | cancelled: the state that it is to have
-- Returns {word, state}: moved | same (it had that state) | illegal (it has ended) | missing
-- Uses: job_indexes
-- Uses: wake_workers
local id, key, wanted = ARGV[2], P .. 'action:' .. ARGV[2], ARGV[3]
local before = redis.call('HMGET', key, 'state', 'ready_at')
local state = before[1]
if not state then return {'missing', ''} end
if state == wanted then return {'same', state} end
if state ~= 'running' and state ~= 'paused' then return {'illegal', state} end
-- Checks above, writes below.
redis.call('HSET', key, 'state', wanted)
redis.call('HINCRBY', key, 'version', 1)
if wanted == 'running' then
  redis.call('ZADD', P .. 'acting', before[2], id)
  summon(5)
else
  redis.call('ZREM', P .. 'acting', id)
end
if wanted == 'cancelled' then
  redis.call('HSET', key, 'finished_at', now)
  redis.call('ZADD', P .. 'action_retention', now + 86400000, id)
end
changed[#changed + 1] = id
flush()
return {'moved', wanted}
