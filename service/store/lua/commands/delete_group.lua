#!lua flags=allow-oom
-- Hides a finished flow or fan-out, and adds the task that deletes its jobs in the same write.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] group id
-- Returns {word, state}: moved | illegal (it or its follow-up has not finished) | missing
-- Uses: keys, batch, jobs, groups, tasks, dependents, writer
local id = ARGV[2]
local group = redis.call('HMGET', keys.prefix .. 'group:' .. id, 'state', 'then')
local state, follow_up = group[1], group[2] and jobs.load(group[2])
if not state then return {'missing', ''} end
if not dependents.ENDED[state] or (follow_up and not jobs.FINISHED[follow_up.state]) then return {'illegal', state} end
-- Checks above, writes below.
groups.hide(id)
tasks.add('remove ' .. id)
batch.note_change(id)
writer.write()
return {'moved', state}
