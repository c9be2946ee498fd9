#!lua flags=allow-oom
-- Removes a finished task, unless it was added again while a process worked on it.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] task   ARGV[3] its score when the process began
-- Returns 1 if it was removed
-- Uses: keys
local P, tasks = keys.prefix, keys.prefix .. 'tasks'
local score = redis.call('ZSCORE', tasks, ARGV[2])
if not score or tonumber(score) ~= tonumber(ARGV[3]) then return 0 end
-- kept_ends.lua keeps the dependencies of a deleted job for this task. The job may be deleted while the task runs.
local id = string.match(ARGV[2], '^cancel_children (%S+)')
if id and redis.call('EXISTS', P .. 'job:' .. id, P .. 'ended:' .. id) == 0 then
  redis.call('UNLINK', P .. 'job:' .. id .. ':dependencies')
end
return redis.call('ZREM', tasks, ARGV[2])
