-- Groups (flows and fan-outs): their states, and what follows from the counts of their members. The only code that
-- writes the state of a group.
-- Uses: keys, clock, batch, tasks
local P, now
local FIELDS = {
  'state', 'total', 'succeeded', 'dead', 'cancelled', 'sealed', 'retry_pending', 'cancel_requested_at', 'failing',
  'tolerance_count', 'tolerance_percent', 'retention_ms', 'linked', 'requested', 'callback',
}

local function begin() P, now = keys.prefix, clock.now end

local function is_flow(id) return string.sub(id, 1, 5) == 'flow_' end
local function is_fan_out(id) return string.sub(id, 1, 4) == 'fan_' end

-- False once the group was deleted: a dead job may outlive its group.
local function exists(id) return redis.call('HEXISTS', P .. 'group:' .. id, 'state') == 1 end

-- `...` are more fields to write.
local function put_state(id, state, ...) redis.call('HSET', P .. 'group:' .. id, 'state', state, ...) end

-- Hides a group from all reads.
local function hide(id)
  redis.call('HDEL', P .. 'group:' .. id, 'state')
  redis.call('ZREM', P .. 'groups:' .. string.match(id, '^%a+'), id)
  redis.call('ZREM', P .. 'group_retention', id)
end

local function note_change(id)
  redis.call('HINCRBY', P .. 'group:' .. id, 'version', 1)
  batch.note_change(id)
end

-- Whether a fan-out has more failures than it tolerates, and whether it tolerates any.
local function crossed(group, dead)
  local most, percent = tonumber(group.tolerance_count), tonumber(group.tolerance_percent)
  local too_many = most and dead > most
  return too_many or (percent and group.sealed and dead * 100 > percent * tonumber(group.total)), most or percent
end

-- A flow is failed if a job is dead, else cancelled if the flow or one of its jobs was cancelled by request. A
-- cancelled fan-out is never failed, because its follow-up would run. Single items may be cancelled as long as others
-- succeeded.
local function outcome(id, group, dead, tolerant)
  local requested = tonumber(group.requested or 0) > 0
  if is_flow(id) then
    if dead > 0 then return 'failed' end
    return (group.cancel_requested_at or requested) and 'cancelled' or 'succeeded'
  end
  if group.cancel_requested_at then return 'cancelled' end
  if group.failing or (dead > 0 and not tolerant) then return 'failed' end
  return requested and tonumber(group.succeeded or 0) == 0 and 'cancelled' or 'succeeded'
end

-- After members have moved: checks whether the group has finished, runs again, or has too many failures.
local function review(id)
  local key, group = P .. 'group:' .. id, {}
  for i, value in ipairs(redis.call('HMGET', key, unpack(FIELDS))) do group[FIELDS[i]] = value or nil end
  if not group.state then return end
  local dead, cancelled = tonumber(group.dead or 0), tonumber(group.cancelled or 0)
  local finished = tonumber(group.succeeded or 0) + dead + cancelled
  local over, tolerant = crossed(group, dead)
  if over and not group.failing and not group.retry_pending and not group.cancel_requested_at then
    redis.call('HSET', key, 'failing', 1)
    group.failing = true
    tasks.add('cancel_unstarted ' .. id)
  end
  if group.state ~= 'open' and group.state ~= 'running' and finished < tonumber(group.total) then
    put_state(id, 'running')
    redis.call('HDEL', key, 'finished_at')
    batch.remove(P .. 'group_retention', id)
  elseif
    group.state == 'running' and finished == tonumber(group.total) and group.sealed and not group.retry_pending
  then
    local state = outcome(id, group, dead, tolerant)
    put_state(id, state, 'finished_at', now)
    batch.add(P .. 'group_retention', now + group.retention_ms, id)
    batch.note_event(id, {kind = is_flow(id) and 'flow' or 'fan_out', state = state, callback = group.callback})
    if group.linked then batch.ended[#batch.ended + 1] = {id = id, state = state, linked = true} end
  end
end

return {
  begin = begin, is_flow = is_flow, is_fan_out = is_fan_out, exists = exists, put_state = put_state, hide = hide,
  note_change = note_change, review = review,
}
