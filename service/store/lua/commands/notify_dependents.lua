#!lua flags=allow-oom
-- Go on telling the end of a job or a fan-out to the jobs that wait for it.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] id of what has ended   ARGV[3] dependents that were told before
-- Returns dependents that have been told by now, or -1 when all have
-- Uses: job_indexes
-- Uses: groups
local id = ARGV[2]
local state = redis.call('HGET', P .. 'job:' .. id, 'state') or redis.call('HGET', P .. 'ended:' .. id, 'state')
  or redis.call('HGET', P .. 'group:' .. id, 'state')
-- Running again: its next end will be told from the start.
if not state or not ENDED[state] then return -1 end
local from = tell(id, state, tonumber(ARGV[3]))
flush()
return from or -1
