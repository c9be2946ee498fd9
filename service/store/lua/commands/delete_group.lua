#!lua flags=allow-oom
-- Make an ended flow or fan-out invisible; the task that deletes its jobs is in the same write.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] group id
-- Returns {word, state}: moved | illegal (it goes on, or its follow-up does) | missing
-- Uses: job_indexes
-- Uses: groups
local id, key = ARGV[2], P .. 'group:' .. ARGV[2]
local group = redis.call('HMGET', key, 'state', 'then')
local state, follow_up = group[1], group[2] and load(group[2])
if not state then return {'missing', ''} end
if not ENDED[state] or (follow_up and not FINISHED[follow_up.state]) then return {'illegal', state} end
-- Checks above, writes below.
redis.call('HDEL', key, 'state')
redis.call('ZREM', P .. 'groups:' .. string.match(id, '^%a+'), id)
redis.call('ZREM', P .. 'group_retention', id)
task('remove ' .. id)
changed[#changed + 1] = id
flush()
return {'moved', state}
