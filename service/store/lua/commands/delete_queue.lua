#!lua flags=allow-oom
-- Deletes a queue without jobs, and its settings. Finished jobs also count as jobs: no list would show them any more.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] queue
-- Returns moved | not_empty | missing
-- Uses: keys, clock, queue_names
local P, queue = keys.prefix, ARGV[2]
if not redis.call('ZSCORE', P .. 'queues', queue) then return 'missing' end
if queue_names.has_jobs(queue) then return 'not_empty' end
-- Checks above, writes below.
queue_names.forget(queue)
-- A later queue with the same name must not inherit the freezes of this one.
for _, frozen in ipairs(redis.call('ZRANGE', keys.queue(queue, 'frozen'), 0, 999)) do
  redis.call('ZADD', P .. 'closed_limiters', 'XX', clock.now, (string.gsub(frozen, ':', ':' .. queue .. '|', 1)))
end
redis.call('UNLINK', keys.queue(queue, 'frozen'), keys.queue(queue, 'frozen_by'))
redis.call('ZREM', P .. 'closed_limiters', 'queue:' .. queue)
redis.call('UNLINK', P .. 'starts:queue:' .. queue)
return 'moved'
