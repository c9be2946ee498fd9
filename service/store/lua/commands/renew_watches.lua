#!lua flags=allow-oom
-- Notes the jobs and groups whose changes a process wants to receive, until the watch expires. `*` stands for all of
-- them; its watch lasts longer, so that clients can reconnect without missing any.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] how long a watch lasts, in seconds   ARGV[3..] ids
-- Returns how many ids all processes watch
-- Uses: keys, clock, event_log
local key, seconds = keys.prefix .. 'watched', math.floor(clock.now / 1000)
local EVERYTHING_SECONDS, LOG_SECONDS = 120, 600
redis.call('ZREMRANGEBYSCORE', key, '-inf', seconds)
for i = 3, #ARGV do
  local lasts = ARGV[2]
  if ARGV[i] == '*' then
    event_log.begin_watch(LOG_SECONDS)
    lasts = EVERYTHING_SECONDS
  end
  redis.call('ZADD', key, seconds + lasts, ARGV[i])
end
local last = tonumber(redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2])
redis.call('EXPIRE', key, last - seconds)
return redis.call('ZCARD', key)
