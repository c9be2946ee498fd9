#!lua flags=allow-oom
-- Drop a task that is done, unless it was given anew while somebody did it.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] task   ARGV[3] its score when it was begun
-- Returns 1 if it was dropped
local score = redis.call('ZSCORE', KEYS[1] .. 'tasks', ARGV[2])
if score and tonumber(score) == tonumber(ARGV[3]) then return redis.call('ZREM', KEYS[1] .. 'tasks', ARGV[2]) end
return 0
