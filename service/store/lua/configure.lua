#!lua
-- Change the settings of a queue; it exists from then on. A queue that is resumed wakes whoever can run its jobs.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] queue   ARGV[3] version that it must have   ARGV[4..] field, value ("" removes the field)
-- Returns {moved | version, version}
-- Uses: index
local key = P .. 'queue:' .. ARGV[2]
local version = redis.call('HGET', key, 'version') or '1'
if ARGV[3] ~= '' and ARGV[3] ~= version then return {'version', version} end
-- Checks above, writes below.
redis.call('SADD', P .. 'queues', ARGV[2])
for i = 4, #ARGV, 2 do
  if ARGV[i + 1] == '' then redis.call('HDEL', key, ARGV[i]) else redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
end
redis.call('HSET', key, 'version', version + 1)
for _, name in ipairs(redis.call('ZRANGE', queue_key(ARGV[2], 'types'), 0, -1)) do
  woken[name] = {queue = ARGV[2], name = name}
end
flush()
return {'moved', version + 1}
