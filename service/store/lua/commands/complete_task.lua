#!lua flags=allow-oom
-- Removes a finished task, unless it was added again while a process worked on it.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] task   ARGV[3] its score when the process began
-- Returns 1 if it was removed
-- Uses: keys
local tasks = keys.prefix .. 'tasks'
local score = redis.call('ZSCORE', tasks, ARGV[2])
if score and tonumber(score) == tonumber(ARGV[3]) then return redis.call('ZREM', tasks, ARGV[2]) end
return 0
