#!lua
-- Sends an ended delivery again, behind what is pending for its resource, or makes the next attempt of a pending one
-- now.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] endpoint ("callbacks" = of callbacks)   ARGV[3] number of the delivery
-- Returns moved (also if an attempt is being made) | disabled | missing
-- Uses: keys, clock, delivery_lanes, outbox
local P, endpoint, number = keys.prefix, ARGV[2], ARGV[3]
local ended = redis.call('ZRANGEBYSCORE', delivery_lanes.ended_key(endpoint), number, number)[1]
local text = ended or delivery_lanes.read(endpoint, number)
if not text then return 'missing' end
if redis.call('HEXISTS', delivery_lanes.endpoint_key(endpoint), 'disabled_at') == 1 then return 'disabled' end
local target, resource = string.match(text, '\30target\30([^\30]+)\30resource\30([^\30]+)')
-- Checks above, writes below.
if ended then
  redis.call('ZREM', delivery_lanes.ended_key(endpoint), ended)
  delivery_lanes.write(endpoint, number, text .. '\30status\30pending\30step\0300')
  delivery_lanes.count(endpoint, 1)
  delivery_lanes.push(target, resource, number)
else
  -- During an attempt, the line has the end of its lease instead.
  local line, due = delivery_lanes.line_key(target), string.match(text, '\30due\30(%d+)$')
  local waits = due and tonumber(redis.call('ZSCORE', line, resource)) == tonumber(due)
  if waits and delivery_lanes.first(target, resource) == number then
    delivery_lanes.write(endpoint, number, (string.gsub(text, '%d+$', clock.text)))
    redis.call('ZADD', line, clock.now, resource)
    redis.call('ZADD', P .. 'outbox', 'LT', clock.now, target)
  end
end
outbox.wake()
return 'moved'
