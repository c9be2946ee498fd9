#!lua flags=allow-oom
-- Leases due deliveries of webhooks to a worker. Targets take turns, and each gets a few attempts at a time, so that
-- one which hangs cannot use all slots; a failing one gets a single attempt. A line of deliveries whose lease has
-- expired is due again. Deliveries to a disabled endpoint end here.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] lease (ms)   ARGV[3] slots   ARGV[4] attempts per target   ARGV[5] limit on targets
-- ARGV[6] limit on deliveries to disabled endpoints to end   ARGV[7] worker
-- ARGV[8..] target, its attempts on this worker
-- Returns {now, ms until the next delivery that this worker may attempt or -1, then per delivery: its target, when its
--   lease ends, its record, the endpoint's URL ("" = in the record), and its secrets (JSON)}
-- Uses: keys, clock, delivery_lanes
local P, now = keys.prefix, clock.now
local lease_end, slots, most, to_end = now + ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[6])
local busy, rows, next_at = {}, {}, math.huge
for i = 8, #ARGV, 2 do busy[ARGV[i]] = tonumber(ARGV[i + 1]) end

local function end_all(target)
  local resources = to_end > 0 and redis.call('ZRANGE', delivery_lanes.line_key(target), 0, to_end - 1) or {}
  to_end = to_end - #resources
  for _, resource in ipairs(resources) do
    local number = delivery_lanes.first(target, resource)
    local text = delivery_lanes.read(target, number)
    delivery_lanes.finish(target, resource, number,
      text .. '\30status\30failed\30ended_at\30' .. clock.text .. '\30failure_reason\30disabled')
  end
end

local function lease(target, settings, count)
  local line = delivery_lanes.line_key(target)
  for _, resource in ipairs(redis.call('ZRANGEBYSCORE', line, '-inf', now, 'LIMIT', 0, count)) do
    local number = delivery_lanes.first(target, resource)
    local text = delivery_lanes.read(delivery_lanes.endpoint_of(target), number)
    redis.call('ZADD', line, lease_end, resource)
    slots = slots - 1
    for _, value in ipairs({target, lease_end, text, settings[1] or '', settings[2] or ''}) do
      rows[#rows + 1] = value
    end
  end
end

-- How many more attempts to a target this worker may make.
local function room(target)
  local limit = redis.call('EXISTS', delivery_lanes.failing_key(target)) == 1 and 1 or most
  return limit - (busy[target] or 0)
end

local targets = redis.call('ZRANGE', P .. 'outbox', 0, ARGV[5] - 1, 'WITHSCORES')
for i = 1, #targets, 2 do
  local target, at = targets[i], tonumber(targets[i + 1])
  if at > now then
    next_at = math.min(next_at, at)
    break
  end
  local left = room(target)
  local endpoint = delivery_lanes.endpoint_key(delivery_lanes.endpoint_of(target))
  local settings = redis.call('HMGET', endpoint, 'url', 'secrets', 'disabled_at')
  if settings[3] then
    end_all(target)
    next_at = math.min(next_at, delivery_lanes.settle(target) or math.huge)
  elseif left > 0 and slots > 0 then
    local before = #rows
    lease(target, settings, math.min(left, slots))
    at = delivery_lanes.settle(target) or math.huge
    if (#rows - before) / 5 < left then next_at = math.min(next_at, at) end
  end
end
-- A worker that has slots left sleeps now, and the next event wakes it.
if slots > 0 and next_at > now then redis.call('SET', P .. 'outbox_idle', ARGV[7]) end
return {now, next_at < math.huge and math.max(0, next_at - now) or -1, unpack(rows)}
