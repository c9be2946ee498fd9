#!lua flags=allow-oom
-- Records an attempt of a delivery. Fenced: only the lease under which it was made may record it.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] target   ARGV[3] resource   ARGV[4] number of the delivery   ARGV[5] when the lease ends
-- ARGV[6] delivered | retry | failed   ARGV[7] ms until the next attempt, for retry   ARGV[8] record (names and values)
-- ARGV[9] why to disable the endpoint, "" = only if it has failed for too long   ARGV[10] how long that is (ms)
-- Returns moved | disabled (moved, and the endpoint is disabled now) | stale
-- Uses: keys, clock, delivery_lanes
local P, now = keys.prefix, clock.now
local target, resource, number, outcome = ARGV[2], ARGV[3], ARGV[4], ARGV[6]
local line = delivery_lanes.line_key(target)
local held = redis.call('ZSCORE', line, resource)
if not held or tonumber(held) ~= tonumber(ARGV[5]) or delivery_lanes.first(target, resource) ~= number then
  return 'stale'
end
-- Checks above, writes below.
local endpoint, text, since = delivery_lanes.endpoint_of(target), ARGV[8], nil
if outcome == 'delivered' then
  redis.call('DEL', delivery_lanes.failing_key(target))
else
  since = delivery_lanes.fail(target)
end
if outcome == 'retry' then
  local due = now + ARGV[7]
  -- At the end of the record, where resend_delivery.lua looks for it.
  delivery_lanes.write(endpoint, number, text .. '\30due\30' .. due)
  redis.call('ZADD', line, due, resource)
else
  delivery_lanes.finish(target, resource, number,
    text .. '\30status\30' .. outcome .. '\30ended_at\30' .. clock.text)
end
delivery_lanes.settle(target)
local reason = ARGV[9]
if reason == '' and since and now - since >= tonumber(ARGV[10]) then reason = 'failing' end
if reason == '' or endpoint == 'callbacks' then return 'moved' end
if redis.call('HEXISTS', P .. 'subscriptions', endpoint) == 0 then return 'moved' end
delivery_lanes.disable(endpoint, reason)
return 'disabled'
