-- Whether claims can find a lane with queued jobs: it is in the orders of its type and queue, and the queue in the line
-- of the type, unless a limiter or a pause holds them back. A repair lets lane_orders.lua write the place again.
-- Uses: keys, batch, lanes, queue_settings, ready_lines, audit_findings
local P, checked
local note = audit_findings.note

local function begin() P, checked = keys.prefix, {} end

-- Writes the place of a lane again.
local function renew(lane)
  return function() batch.lanes[lanes.key(lane)] = lane end
end

-- A closed limiter that holds a lane back, or nil. One that is no longer known to be closed opens at the next claim.
local function holder_of(lane)
  local ids = lanes.name(lane) == '' and {lanes.type_limiter(lane)} or lanes.limiters(lane)
  for _, id in ipairs(ids) do
    if redis.call('SISMEMBER', P .. 'closed_lanes:' .. id, lanes.ref(lane)) == 1 then
      if not redis.call('ZSCORE', P .. 'closed_limiters', id) then
        note('unreachable_lane', P .. 'closed_limiters', '', id .. ' holds lanes back, but is not closed',
          audit_findings.add(P .. 'closed_limiters', 0, id))
      end
      return id
    end
  end
end

-- Whether the queue itself may not start jobs of a type now.
local function is_held(queue, name)
  if redis.call('SISMEMBER', keys.queue(queue, 'closed'), name) == 0 then return false end
  local paused_types = queue_settings.read(queue, 'paused_types')[4]
  return queue_settings.is_paused(queue) or queue_settings.names_type(paused_types, name)
    or redis.call('ZSCORE', P .. 'closed_limiters', 'queue:' .. queue)
end

local function check_line(lane)
  local queue, name = lane.queue, lane.name
  if redis.call('ZSCORE', P .. 'ready:' .. name, queue) or is_held(queue, name) then return end
  note('unreachable_lane', P .. 'ready:' .. name, '', queue .. ' is not in the line', function()
    redis.call('SREM', keys.queue(queue, 'closed'), name)
    ready_lines.follow(queue, name)
    batch.wake(queue, name)
  end)
end

-- A key's place in the order above must have the score of its first member.
local function follows(key, member, child)
  local _, score = keys.head(child)
  local at = redis.call('ZSCORE', key, member)
  return at and score and tonumber(at) == tonumber(score)
end

-- Once per call for each lane; `lane` is a lane or one of its jobs.
local function check(lane)
  local key, queue, name = lanes.key(lane), lane.queue, lane.name
  if checked[key] then return end
  checked[key] = true
  if not keys.head(key) then return end
  local plain, list = lanes.name(lane) == '', keys.queue(queue, 'lanes:' .. name)
  local index = keys.queue(queue, plain and 'types' or 'keyed')
  local order, member = plain and index or list, plain and name or lanes.name(lane)
  if not redis.call('ZSCORE', order, member) then
    if not holder_of(lane) then
      note('unreachable_lane', order, '', member .. ' has jobs, but no place', renew(lane))
    end
    return
  end
  if not follows(index, name, plain and key or list) then
    note('unreachable_lane', index, '', name .. ' is not where its first job is', renew(lane))
  end
  check_line(lane)
end

-- A lane that an order or `served` names: without jobs, it has no place in them.
local function check_listed(lane)
  if keys.head(lanes.key(lane)) then return check(lane) end
  local queue, name, ref = lane.queue, lane.name, lanes.ref(lane)
  local plain = lanes.name(lane) == ''
  local order, member = keys.queue(queue, plain and 'types' or 'lanes:' .. name), plain and name or lanes.name(lane)
  if redis.call('ZSCORE', order, member) then
    note('dangling_entry', order, '', ref .. ' has no jobs', renew(lane))
  elseif not plain and redis.call('HEXISTS', P .. 'served', ref) == 1 then
    note('dangling_entry', P .. 'served', '', ref .. ' has no jobs',
      function() redis.call('HDEL', P .. 'served', ref) end)
  end
end

return {begin = begin, check = check, check_listed = check_listed}
