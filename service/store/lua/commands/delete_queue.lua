#!lua flags=allow-oom
-- Forget a queue without jobs, and its settings. Nothing that has ended in it may be left either: it would be found by no list.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] queue
-- Returns moved | not_empty | missing
-- Uses: job_indexes
-- Uses: queue_names
local queue = ARGV[2]
if not redis.call('ZSCORE', P .. 'queues', queue) then return 'missing' end
if has_jobs(queue) then return 'not_empty' end
-- Checks above, writes below.
forget_name(queue)
-- Jobs of a queue of the same name are not held up by what this one knew of the other side.
for _, frozen in ipairs(redis.call('ZRANGE', queue_key(queue, 'frozen'), 0, 999)) do
  redis.call('ZADD', P .. 'parked', 'XX', now, (string.gsub(frozen, ':', ':' .. queue .. '|', 1)))
end
redis.call('UNLINK', queue_key(queue, 'frozen'), queue_key(queue, 'frozen_by'))
redis.call('ZREM', P .. 'parked', 'queue:' .. queue)
redis.call('UNLINK', P .. 'starts:queue:' .. queue)
return 'moved'
