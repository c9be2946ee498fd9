#!lua
-- Creates or changes a schedule and its next fire time, and wakes every worker to wait for that time.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] name   ARGV[3] expected version, 0 = it must not exist
-- ARGV[4] next fire time, "" = never   ARGV[5] the queue of its jobs, "" = do not check
-- ARGV[6] limit on queues per namespace   ARGV[7..] field, value
-- Returns {moved | version | too_many_queues (the schedule could not submit its first job), version}. Fails if
--   the namespace would exceed a quota
-- Uses: keys, queue_names, quotas, wake_workers
local P, name, fire_at = keys.prefix, ARGV[2], ARGV[4]
local key = P .. 'schedule:' .. name
local version = redis.call('HGET', key, 'version') or '0'
if version ~= ARGV[3] then return {'version', version} end
if ARGV[5] ~= '' and not queue_names.may_use(ARGV[5], tonumber(ARGV[6])) then return {'too_many_queues', version} end
quotas.check_name('schedules', 'schedules', name)
if ARGV[5] ~= '' then quotas.check_name('queues', 'queues', ARGV[5]) end
-- Checks above, writes below.
version = redis.call('HINCRBY', key, 'version', 1)
for i = 7, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
redis.call('ZADD', P .. 'schedules', 0, name)
if fire_at == '' then
  redis.call('HDEL', key, 'fire_at')
  redis.call('ZREM', P .. 'fire_times', name)
else
  redis.call('HSET', key, 'fire_at', fire_at)
  redis.call('ZADD', P .. 'fire_times', fire_at, name)
  wake_workers.newest(500)
end
return {'moved', version}
