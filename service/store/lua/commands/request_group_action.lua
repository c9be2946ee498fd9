#!lua flags=allow-oom
-- Requests to cancel or retry a flow or fan-out, and adds the task for it in the same write.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] group id   ARGV[3] cancel | retry   ARGV[4] grace of running jobs (ms)
-- Returns {word, state}: moved | illegal | idle (retry: no job is dead or cancelled) | missing
-- Uses: keys, clock, batch, groups, tasks, consequences
local P = keys.prefix
local id, key, action = ARGV[2], P .. 'group:' .. ARGV[2], ARGV[3]
local group = redis.call('HMGET', key, 'state', 'dead', 'cancelled')
local state = group[1]
if not state then return {'missing', ''} end
local live = state == 'open' or state == 'running'
if action == 'cancel' and not live then return {'illegal', state} end
if action == 'retry' and tonumber(group[2] or 0) + tonumber(group[3] or 0) == 0 then return {'idle', state} end
-- Checks above, writes below.
if action == 'cancel' then
  groups.put_state(id, 'running', 'cancel_requested_at', clock.now, 'grace_ms', ARGV[4], 'sealed', 1)
  redis.call('ZREM', P .. 'open_fan_outs', id)
  tasks.add('cancel ' .. id)
else
  if not live then batch.remove(P .. 'group_retention', id) end
  groups.put_state(id, state == 'open' and 'open' or 'running', 'retry_pending', 1)
  redis.call('HDEL', key, 'cancel_requested_at', 'failing', 'finished_at')
  redis.call('HINCRBY', key, 'generation', 1)
  tasks.add('retry ' .. id)
end
groups.note_change(id)
groups.review(id)
consequences.flush()
return {'moved', redis.call('HGET', key, 'state')}
