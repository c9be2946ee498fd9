#!lua flags=allow-oom
-- Notes the jobs and groups whose changes a process wants to receive, until the watch expires.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] how long a watch lasts, in seconds   ARGV[3..] ids
-- Returns how many ids all processes watch
-- Uses: keys, clock
local key, seconds = keys.prefix .. 'watched', math.floor(clock.now / 1000)
redis.call('ZREMRANGEBYSCORE', key, '-inf', seconds)
for i = 3, #ARGV do redis.call('ZADD', key, seconds + ARGV[2], ARGV[i]) end
redis.call('EXPIRE', key, ARGV[2])
return redis.call('ZCARD', key)
