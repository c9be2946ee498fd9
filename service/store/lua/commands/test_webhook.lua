#!lua
-- Adds a test event for one endpoint, whatever events it wants.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] endpoint   ARGV[3] id of this call: repeated, it adds nothing
-- Returns {moved | disabled | full | missing, number of the delivery}
-- Uses: delivery_lanes, outbox
local endpoint = ARGV[2]
local key = delivery_lanes.endpoint_key(endpoint)
local found = redis.call('HMGET', key, 'url', 'disabled_at', 'tested')
if not found[1] then return {'missing', 0} end
if found[2] then return {'disabled', 0} end
local before = found[3] and string.match(found[3], '^' .. ARGV[3] .. ' (%d+)$')
if before then return {'moved', before} end
-- Checks above, writes below.
local number = outbox.add(endpoint, endpoint, {'event', 'webhook.test'})
if not number then return {'full', 0} end
redis.call('HSET', key, 'tested', ARGV[3] .. ' ' .. number)
outbox.wake()
return {'moved', number}
