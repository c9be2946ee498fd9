#!lua
-- Creates or changes an endpoint for webhooks, or the settings that all callbacks share ("callbacks").
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] id   ARGV[3] expected version, 0 = it must not exist   ARGV[4] limit on endpoints
-- ARGV[5] enable | disable, "" = unchanged   ARGV[6..] field, value
-- Returns {moved | version | too_many, version}
-- Uses: keys, clock, delivery_lanes
local P, now, id = keys.prefix, clock.now, ARGV[2]
local key, listed = delivery_lanes.endpoint_key(id), delivery_lanes.endpoint_of(id) == id and id ~= 'callbacks'
local version = redis.call('HGET', key, 'version') or '0'
if version ~= ARGV[3] then return {'version', version} end
if listed and version == '0' and redis.call('ZCARD', P .. 'webhooks') >= tonumber(ARGV[4]) then
  return {'too_many', version}
end
-- Checks above, writes below.
for i = 6, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
if version == '0' then
  redis.call('HSETNX', key, 'created_at', now)
  if listed then redis.call('ZADD', P .. 'webhooks', now, id) end
end
if ARGV[5] == 'enable' then
  redis.call('HDEL', key, 'disabled_at', 'disabled_reason')
  redis.call('DEL', delivery_lanes.failing_key(id))
end
if ARGV[5] == 'disable' then delivery_lanes.disable(id, 'requested') else redis.call('HINCRBY', key, 'version', 1) end
if listed and redis.call('HEXISTS', key, 'disabled_at') == 0 then
  redis.call('HSET', P .. 'subscriptions', id, ',' .. redis.call('HGET', key, 'events') .. ',')
end
return {'moved', redis.call('HGET', key, 'version')}
