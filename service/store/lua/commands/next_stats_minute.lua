#!lua flags=allow-oom
-- Gives the next minute of the history to one process, which stores it. A minute is due some seconds after it has
-- passed, when the workers have reported what they counted in it. If nothing happened in it, this call stores it.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] how long after it has passed a minute is due (ms)   ARGV[3] how long the process may take (ms)
-- ARGV[4] how many past minutes may still be stored
-- ARGV[5] depths of queues ("queue queued delayed running dead", one line for each that has jobs)
-- ARGV[6] a packed minute with these depths in which nothing happened   ARGV[7] limit on queues to look at
-- Returns {minute or -1, the last minute that is due, ms until the next call makes sense}
-- Uses: keys, clock, deletion, quiet_minutes
local P, now = keys.prefix, clock.now
local due = math.floor((now - ARGV[2]) / 60000) - 1
local stored = tonumber(redis.call('GET', P .. 'stats_stored') or due - 1)
local wait = (due + 2) * 60000 + ARGV[2] - now
if stored >= due or deletion.is_deleted() then return {-1, due, wait} end
-- Checks above, writes below.
if redis.call('EXISTS', P .. 'stats_turn') == 1 then return {-1, due, math.min(wait, 5000)} end
if stored == due - 1 and quiet_minutes.store(due, ARGV[5], ARGV[6], tonumber(ARGV[7])) then return {-1, due, wait} end
redis.call('SET', P .. 'stats_turn', 1, 'PX', ARGV[3])
return {math.max(stored + 1, due - ARGV[4]), due, wait}
