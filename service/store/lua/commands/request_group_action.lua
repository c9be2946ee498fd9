#!lua flags=allow-oom
-- Ask for the cancellation, or a new run, of a flow or fan-out: the task that does it is in the same write.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] group id   ARGV[3] cancel | retry   ARGV[4] grace of running jobs (ms)
-- Returns {word, state}: moved | illegal | idle (retry: nothing has failed) | missing
-- Uses: job_indexes
-- Uses: groups
local id, key = ARGV[2], P .. 'group:' .. ARGV[2]
local group = redis.call('HMGET', key, 'state', 'dead', 'cancelled')
local state = group[1]
if not state then return {'missing', ''} end
local live = state == 'open' or state == 'running'
if ARGV[3] == 'cancel' and not live then return {'illegal', state} end
if ARGV[3] == 'retry' and tonumber(group[2] or 0) + tonumber(group[3] or 0) == 0 then return {'idle', state} end
-- Checks above, writes below.
if ARGV[3] == 'cancel' then
  redis.call('HSET', key, 'cancel_requested_at', now, 'grace_ms', ARGV[4], 'sealed', 1, 'state', 'running')
  redis.call('ZREM', P .. 'filling', id)
  task('cancel ' .. id)
else
  if not live then append(removed, P .. 'group_retention', id) end
  redis.call('HSET', key, 'state', state == 'open' and 'open' or 'running', 'reviving', 1)
  redis.call('HDEL', key, 'cancel_requested_at', 'failing', 'finished_at')
  redis.call('HINCRBY', key, 'run', 1)
  task('revive ' .. id)
end
redis.call('HINCRBY', key, 'version', 1)
changed[#changed + 1] = id
look(id)
flush()
return {'moved', redis.call('HGET', key, 'state')}
