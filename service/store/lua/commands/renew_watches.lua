#!lua flags=allow-oom
-- Note which jobs and groups a process wants to hear of; who does not ask again in time is forgotten.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] seconds that an entry lasts   ARGV[3..] ids
-- Returns how many are watched by all processes
local key, seconds = KEYS[1] .. 'watched', tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', key, '-inf', seconds)
for i = 3, #ARGV do redis.call('ZADD', key, seconds + ARGV[2], ARGV[i]) end
redis.call('EXPIRE', key, ARGV[2])
return redis.call('ZCARD', key)
