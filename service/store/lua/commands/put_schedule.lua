#!lua
-- Create or change a schedule and say when it fires next; every worker is woken to wait for that time.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] name   ARGV[3] version that it must have, 0 = it must not exist
-- ARGV[4] when it fires next, "" = never   ARGV[5] the queue of its jobs, "" = not asked
-- ARGV[6] queues of the namespace at most   ARGV[7..] field, value
-- Returns {moved | version | too_many_queues (its first job could not be submitted now), version}
-- Uses: keys, queue_names, wake_workers
local P, name, slot = keys.prefix, ARGV[2], ARGV[4]
local key = P .. 'schedule:' .. name
local version = redis.call('HGET', key, 'version') or '0'
if version ~= ARGV[3] then return {'version', version} end
if ARGV[5] ~= '' and not queue_names.may_use(ARGV[5], tonumber(ARGV[6])) then return {'too_many_queues', version} end
-- Checks above, writes below.
version = redis.call('HINCRBY', key, 'version', 1)
for i = 7, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
redis.call('ZADD', P .. 'schedules', 0, name)
if slot == '' then
  redis.call('HDEL', key, 'slot')
  redis.call('ZREM', P .. 'slots', name)
else
  redis.call('HSET', key, 'slot', slot)
  redis.call('ZADD', P .. 'slots', slot, name)
  wake_workers.newest(500)
end
return {'moved', version}
