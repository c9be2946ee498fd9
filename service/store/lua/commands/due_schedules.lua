#!lua flags=no-writes
-- Finds schedules whose fire time has come.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] limit on schedules
-- Returns {now, ms until the next later fire time or -1, then per due schedule: name, HGETALL}
-- Uses: keys, clock
local P, now = keys.prefix, clock.now
local later = redis.call('ZRANGEBYSCORE', P .. 'fire_times', '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
local answer = {now, later[2] and later[2] - now or -1}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', P .. 'fire_times', '-inf', now, 'LIMIT', 0, ARGV[2])) do
  answer[#answer + 1] = {name, redis.call('HGETALL', P .. 'schedule:' .. name)}
end
return answer
