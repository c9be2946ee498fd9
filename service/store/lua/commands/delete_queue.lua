#!lua flags=allow-oom
-- Forget a queue without jobs, and its settings. Nothing that has ended in it may be left either: no list would find
-- it.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] queue
-- Returns moved | not_empty | missing
-- Uses: keys, clock, queue_names
local P, queue = keys.prefix, ARGV[2]
if not redis.call('ZSCORE', P .. 'queues', queue) then return 'missing' end
if queue_names.has_jobs(queue) then return 'not_empty' end
-- Checks above, writes below.
queue_names.forget(queue)
-- Jobs of a queue of the same name are not held up by what this one knew of the other side.
for _, frozen in ipairs(redis.call('ZRANGE', keys.queue(queue, 'frozen'), 0, 999)) do
  redis.call('ZADD', P .. 'parked', 'XX', clock.now, (string.gsub(frozen, ':', ':' .. queue .. '|', 1)))
end
redis.call('UNLINK', keys.queue(queue, 'frozen'), keys.queue(queue, 'frozen_by'))
redis.call('ZREM', P .. 'parked', 'queue:' .. queue)
redis.call('UNLINK', P .. 'starts:queue:' .. queue)
return 'moved'
