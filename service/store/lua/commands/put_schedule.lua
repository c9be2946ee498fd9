#!lua
-- Create or change a schedule and say when it fires next; every worker is woken to wait for that time.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] name   ARGV[3] version that it must have, 0 = it must not exist
-- ARGV[4] the slot that fires next, "" = none   ARGV[5] the queue of its jobs, "" = not asked
-- ARGV[6] queues of the namespace at most   ARGV[7..] field, value
-- Returns {moved | version | too_many_queues (its first job could not be submitted now), version}
-- Uses: job_indexes
-- Uses: queue_names
-- Uses: wake_workers
local key = P .. 'schedule:' .. ARGV[2]
local version = redis.call('HGET', key, 'version') or '0'
if version ~= ARGV[3] then return {'version', version} end
if ARGV[5] ~= '' and not may_name(ARGV[5], tonumber(ARGV[6])) then return {'too_many_queues', version} end
-- Checks above, writes below.
version = redis.call('HINCRBY', key, 'version', 1)
for i = 7, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
redis.call('ZADD', P .. 'schedules', 0, ARGV[2])
if ARGV[4] == '' then
  redis.call('HDEL', key, 'slot')
  redis.call('ZREM', P .. 'slots', ARGV[2])
else
  redis.call('HSET', key, 'slot', ARGV[4])
  redis.call('ZADD', P .. 'slots', ARGV[4], ARGV[2])
  summon(500)
end
return {'moved', version}
