#!lua flags=allow-oom
-- Continues to notify the dependents of a finished job or fan-out.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] id of the finished job or group   ARGV[3] dependents that were notified before
-- Returns the number of dependents notified so far, or -1 when all have been
-- Uses: dependents, allowance, consequences
local id = ARGV[2]
local state = dependents.state_of(id)
-- It runs again: its next result notifies them from the start.
if not state or not dependents.ENDED[state] then return -1 end
allowance.begin_dependents()
local from = dependents.notify(id, state, tonumber(ARGV[3]))
consequences.flush()
return from or -1
