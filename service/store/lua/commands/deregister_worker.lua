#!lua flags=allow-oom
-- Deletes a worker's entry. If the namespace was deleted, the last worker leaves nothing behind.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] worker id
-- Returns 1
-- Uses: keys, deletion, wake_workers
local P, key = keys.prefix, keys.prefix .. 'worker:' .. ARGV[2]
redis.call('UNLINK', key, key .. ':claim', key .. ':report')
wake_workers.forget(ARGV[2])
redis.call('ZREM', P .. 'workers', ARGV[2])
if deletion.is_deleted() then deletion.clean() end
return 1
