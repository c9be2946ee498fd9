#!lua flags=allow-oom
-- Take a task off the list that is done, unless it was given anew while a process did it.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] task   ARGV[3] its score when it was begun
-- Returns 1 if it was taken off
-- Uses: keys
local tasks = keys.prefix .. 'tasks'
local score = redis.call('ZSCORE', tasks, ARGV[2])
if score and tonumber(score) == tonumber(ARGV[3]) then return redis.call('ZREM', tasks, ARGV[2]) end
return 0
