-- Compares the outbox of webhooks with the records of its deliveries.
-- Uses: keys, clock, delivery_lanes, audit_findings
local P, now
local note, add, remove = audit_findings.note, audit_findings.add, audit_findings.remove
local AT_MOST = 500

local function begin() P, now = keys.prefix, clock.now end

local function check_pending(id)
  local key = delivery_lanes.endpoint_key(id)
  local counted = tonumber(redis.call('HGET', key, 'pending') or 0)
  local count = redis.call('ZCARD', delivery_lanes.pending_key(id))
  if counted == count then return end
  note('wrong_count', key, '', 'pending: ' .. counted .. ' instead of ' .. count,
    function() redis.call('HSET', key, 'pending', count) end)
end

-- An endpoint, or "callbacks".
local function check_endpoint(id)
  local found = redis.call('HMGET', delivery_lanes.endpoint_key(id), 'version', 'events', 'disabled_at', 'created_at')
  if id ~= 'callbacks' then
    local listed = redis.call('ZSCORE', P .. 'webhooks', id)
    if listed and not found[1] then
      note('dangling_entry', P .. 'webhooks', '', id .. ' does not exist', remove(P .. 'webhooks', id))
    elseif found[1] and not listed then
      note('missing_entry', P .. 'webhooks', '', id .. ' is not listed', add(P .. 'webhooks', found[4] or now, id))
    end
    local key, wanted = P .. 'subscriptions', found[2] and not found[3] and ',' .. found[2] .. ','
    local known = redis.call('HGET', key, id)
    if wanted and known ~= wanted then
      note('missing_entry', key, '', 'the events of ' .. id, function() redis.call('HSET', key, id, wanted) end)
    elseif known and not wanted then
      note('extra_entry', key, '', id .. ' is disabled or gone', function() redis.call('HDEL', key, id) end)
    end
  end
  check_pending(id)
end

-- All pending deliveries of the namespace; a namespace has few endpoints.
local function check_total()
  local total, ids = 0, redis.call('ZRANGE', P .. 'webhooks', 0, -1)
  ids[#ids + 1] = 'callbacks'
  for _, id in ipairs(ids) do total = total + redis.call('ZCARD', delivery_lanes.pending_key(id)) end
  local counted = tonumber(redis.call('HGET', P .. 'counters', 'deliveries_pending') or 0)
  if counted == total then return end
  note('wrong_count', P .. 'counters', '', 'deliveries_pending: ' .. counted .. ' instead of ' .. total,
    function() redis.call('HSET', P .. 'counters', 'deliveries_pending', total) end)
end

-- The lines of a target, which is in `outbox` while it has one.
local function check_target(target)
  local line, waiting = delivery_lanes.line_key(target), delivery_lanes.waiting_key(target)
  local endpoint = delivery_lanes.endpoint_of(target)
  local lines = redis.call('HGETALL', waiting)
  for i = 1, math.min(#lines, 2 * AT_MOST), 2 do
    local resource, number = lines[i], string.match(lines[i + 1], '^%d+')
    if not redis.call('ZSCORE', line, resource) then
      note('missing_entry', line, resource, 'its deliveries are in no line', function()
        redis.call('ZADD', line, now, resource)
        delivery_lanes.settle(target)
      end)
    end
    if not number or not delivery_lanes.read(endpoint, number) then
      note('dangling_entry', waiting, resource, 'a delivery does not exist', function()
        delivery_lanes.pop(target, resource)
        delivery_lanes.settle(target)
      end)
    end
  end
  for _, resource in ipairs(redis.call('ZRANGE', line, 0, AT_MOST - 1)) do
    if redis.call('HEXISTS', waiting, resource) == 0 then
      note('dangling_entry', line, resource, 'it has no deliveries', function()
        redis.call('ZREM', line, resource)
        delivery_lanes.settle(target)
      end)
    end
  end
  local has_lines, at = redis.call('EXISTS', line) == 1, redis.call('ZSCORE', P .. 'outbox', target)
  local function settle() delivery_lanes.settle(target) end
  if has_lines and not at then
    note('missing_entry', P .. 'outbox', '', target .. ' has deliveries', settle)
  elseif at and not has_lines then
    note('dangling_entry', P .. 'outbox', '', target .. ' has no deliveries', settle)
  end
end

-- "<endpoint> <number>": a pending delivery is in the line of its resource.
local function check_delivery(name)
  local endpoint, number = string.match(name, '^(%S+) (%d+)$')
  local text = delivery_lanes.read(endpoint, number)
  local target, resource = string.match(text or '', '^number\30%d+\30target\30([^\30]*)\30resource\30([^\30]*)')
  if not target then return end
  local waiting = redis.call('HGET', delivery_lanes.waiting_key(target), resource) or ''
  if string.find(' ' .. waiting .. ' ', ' ' .. number .. ' ', 1, true) then return end
  note('missing_entry', delivery_lanes.waiting_key(target), resource, 'delivery ' .. number .. ' is in no line',
    function()
      delivery_lanes.push(target, resource, number)
      delivery_lanes.settle(target)
    end)
end

return {
  begin = begin, check_endpoint = check_endpoint, check_total = check_total, check_target = check_target,
  check_delivery = check_delivery,
}
