#!lua flags=allow-oom
-- Registers a worker and publishes its job types. Repeating a call changes nothing. Job types that the worker knows are
-- no longer noted as unroutable. A new version is marked in the history. A new pool that does not subscribe ends the
-- rests of other workers.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] worker id   ARGV[3] when it started   ARGV[4] its pool
-- ARGV[5] queues and types of the pool   ARGV[6] number of values in its entry   ARGV[7..] field, value
-- ARGV[..] per job type: name, JSON ("" = not published)
-- Returns 1
-- Uses: keys, marks, wake_workers
local P, first = keys.prefix, 7 + ARGV[6]
redis.call('HSET', P .. 'worker:' .. ARGV[2], unpack(ARGV, 7, first - 1))
redis.call('ZADD', P .. 'workers', ARGV[3], ARGV[2])
local is_new = redis.call('HSET', P .. 'pools', ARGV[4], ARGV[5]) == 1
if is_new and not wake_workers.is_subscribed(ARGV[4]) then wake_workers.end_rests() end
for i = first, #ARGV, 2 do
  if ARGV[i + 1] ~= '' then redis.call('HSET', P .. 'catalogue', ARGV[i], ARGV[i + 1]) end
  redis.call('HDEL', P .. 'unroutable_types', ARGV[i])
end
marks.deploy(ARGV[4], redis.call('HGET', P .. 'worker:' .. ARGV[2], 'version') or '')
return 1
