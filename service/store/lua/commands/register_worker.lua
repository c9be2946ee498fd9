#!lua flags=allow-oom
-- Announce a worker and publish its job types; sent again it changes nothing. Queued jobs of a type that it knows are
-- not unroutable.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] worker id   ARGV[3] when it was seen   ARGV[4] its pool
-- ARGV[5] what the pool is capable of   ARGV[6] number of values of its entry   ARGV[7..] field, value
-- ARGV[..] per job type: name, JSON ("" = not published)
-- Returns 1
-- Uses: keys
local P, first = keys.prefix, 7 + ARGV[6]
redis.call('HSET', P .. 'worker:' .. ARGV[2], unpack(ARGV, 7, first - 1))
redis.call('ZADD', P .. 'workers', ARGV[3], ARGV[2])
redis.call('HSET', P .. 'pools', ARGV[4], ARGV[5])
for i = first, #ARGV, 2 do
  if ARGV[i + 1] ~= '' then redis.call('HSET', P .. 'catalogue', ARGV[i], ARGV[i + 1]) end
  redis.call('HDEL', P .. 'stranded', ARGV[i])
end
return 1
