#!lua flags=allow-oom
-- Note which jobs and groups a process wants to hear of; a process that does not ask again in time is forgotten.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] seconds that an entry lasts   ARGV[3..] ids
-- Returns how many are watched by all processes
-- Uses: keys, clock
local key, seconds = keys.prefix .. 'watched', math.floor(clock.now / 1000)
redis.call('ZREMRANGEBYSCORE', key, '-inf', seconds)
for i = 3, #ARGV do redis.call('ZADD', key, seconds + ARGV[2], ARGV[i]) end
redis.call('EXPIRE', key, ARGV[2])
return redis.call('ZCARD', key)
