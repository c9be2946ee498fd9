#!lua flags=allow-oom
-- Passes a rate limiter that handlers share, or returns how long to wait. A waiting caller keeps its turn and calls
-- again when its own start is due, so that many waiters do not call at the same moment. The window is as exact as the
-- window of a queue's rate.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] name   ARGV[3] limit   ARGV[4] window (ms)   ARGV[5] id of the caller, the same while it waits
-- Returns microseconds to wait; 0 = pass
-- Uses: keys, clock
local P, micros = keys.prefix, clock.micros
local key, waiting = P .. 'starts:handler:' .. ARGV[2], P .. 'waiting:' .. ARGV[2]
local limit, per, who = tonumber(ARGV[3]), tonumber(ARGV[4]) * 1000, ARGV[5]
-- A caller that is a second late for its turn has given up.
redis.call('ZREMRANGEBYSCORE', waiting, '-inf', micros - 1000000)
local turn = redis.call('ZSCORE', waiting, who)
local ahead = redis.call('ZCARD', waiting)
if turn then ahead = redis.call('ZRANK', waiting, who) end
-- The earlier start that limits the caller, given the waiters ahead of it.
local offset = redis.call('LLEN', key) - limit
local round, index = math.floor(ahead / limit), ahead % limit
local at = micros
local blocking = offset + index >= 0 and redis.call('LINDEX', key, offset + index)
if blocking then at = math.max(at, blocking + per) end
at = at + round * per
if at <= micros then
  redis.call('ZREM', waiting, who)
  redis.call('RPUSH', key, string.format('%.0f', micros))
  redis.call('LTRIM', key, -limit, -1)
  redis.call('PEXPIRE', key, math.ceil(per / 1000) + 3600000)
  return 0
end
redis.call('ZADD', waiting, at, who)
redis.call('PEXPIRE', waiting, math.ceil((at - micros) / 1000) + 3600000)
return at - micros
