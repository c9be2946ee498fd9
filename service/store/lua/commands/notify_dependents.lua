#!lua flags=allow-oom
-- Go on telling the end of a job or a fan-out to the jobs that wait for it.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] id of what has ended   ARGV[3] dependents that were told before
-- Returns dependents that have been told by now, or -1 when all have
-- Uses: dependents, consequences
local id = ARGV[2]
local state = dependents.state_of(id)
-- Running again: its next end will be told from the start.
if not state or not dependents.ENDED[state] then return -1 end
local from = dependents.notify(id, state, tonumber(ARGV[3]))
consequences.flush()
return from or -1
