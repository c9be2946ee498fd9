#!lua flags=no-writes
-- Look for schedules whose fire time has come.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] schedules at most
-- Returns {now, ms until a fire time later than now or -1, then per due schedule: name, HGETALL}
-- Uses: keys, clock
local P, now = keys.prefix, clock.now
local later = redis.call('ZRANGEBYSCORE', P .. 'slots', '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
local answer = {now, later[2] and later[2] - now or -1}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', P .. 'slots', '-inf', now, 'LIMIT', 0, ARGV[2])) do
  answer[#answer + 1] = {name, redis.call('HGETALL', P .. 'schedule:' .. name)}
end
return answer
