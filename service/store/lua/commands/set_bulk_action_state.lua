#!lua flags=allow-oom
-- Pauses, resumes or cancels a bulk action. A portion is one script call, so no job is changed after this one.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] action id   ARGV[3] new state: paused | running | cancelled
-- Returns {word, state}: moved | same (it was in that state) | illegal (it has finished) | missing
-- Uses: keys, batch, bulk_actions, wake_workers, writer
local P = keys.prefix
local id, key, wanted = ARGV[2], P .. 'action:' .. ARGV[2], ARGV[3]
local before = redis.call('HMGET', key, 'state', 'ready_at')
local state = before[1]
if not state then return {'missing', ''} end
if state == wanted then return {'same', state} end
if state ~= 'running' and state ~= 'paused' then return {'illegal', state} end
-- Checks above, writes below.
bulk_actions.put_state(id, wanted)
redis.call('HINCRBY', key, 'version', 1)
if wanted == 'running' then
  redis.call('ZADD', P .. 'running_actions', before[2], id)
  wake_workers.newest(5)
else
  redis.call('ZREM', P .. 'running_actions', id)
end
batch.note_change(id)
writer.write()
return {'moved', wanted}
