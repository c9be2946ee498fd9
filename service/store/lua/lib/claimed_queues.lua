-- A queue during a claim, read only when its turn comes. `plain` and `keyed` then hold the first score of each job type
-- that the claim can start here, without and with a limit key. claims.lua describes `claim`.
-- Uses: keys, queue_limits, limiter_rooms, queue_settings
local P

local function begin() P = keys.prefix end

-- Naming all fields here allocates the table once.
local function new(name, weight, credit)
  return {
    name = name, weight = weight, credit = credit, waits = false, looked = false, closed = false, served = false,
    plain = nil, keyed = nil, lanes = nil, names = nil, paused = nil, room = nil,
  }
end

local function read_scores(claim, queue, index, paused, found)
  for i, score in ipairs(redis.call('ZMSCORE', keys.queue(queue.name, index), unpack(claim.open_types))) do
    local name = claim.open_types[i]
    if score then
      queue.names[#queue.names + 1] = name
      if queue_settings.names_type(paused, name) then
        queue.paused[#queue.paused + 1] = name
      elseif claim.free[name] ~= 0 then
        found[name] = tonumber(score)
      end
    end
  end
end

local function look_at(claim, queue)
  queue.looked, queue.plain, queue.keyed, queue.lanes, queue.names, queue.paused = true, {}, {}, {}, {}, {}
  claim.looked[#claim.looked + 1] = queue
  local paused = queue_limits.read(queue)
  local limits = queue.limits
  queue.closed = queue_settings.is_paused(queue.name)
  if limits and (limits.concurrency or limits.rate) then
    queue.room = limiter_rooms.queue_room(claim, queue)
  elseif claim.anything_closed and redis.call('ZSCORE', P .. 'closed_limiters', 'queue:' .. queue.name) then
    queue.closed = true
  end
  read_scores(claim, queue, 'types', paused, queue.plain)
  read_scores(claim, queue, 'keyed', paused, queue.keyed)
  if next(queue.keyed) and next(queue.plain) then
    queue.last_start = tonumber(redis.call('HGET', P .. 'served', queue.name .. '|') or nil)
  end
end

-- Whether the queue has a job that can start now.
local function may_start(claim, queue)
  if not queue.looked then look_at(claim, queue) end
  if queue.closed then return false end
  local waits = next(queue.plain) or next(queue.keyed)
  if queue.room and queue.room.left <= 0 then
    queue.room.waits, queue.closed = waits ~= nil, true
    return false
  end
  return waits ~= nil
end

-- The job type with the lowest score; ties go to the first name.
local function lowest(scores)
  local best
  for name, score in pairs(scores) do
    if not best or score < scores[best] or (score == scores[best] and name < best) then best = name end
  end
  return best
end

return {begin = begin, new = new, may_start = may_start, lowest = lowest}
