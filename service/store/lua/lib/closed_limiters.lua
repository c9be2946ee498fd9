-- Closes limiters and opens them again. `closed_limiters` holds the closed ones by the time at which they open; +inf =
-- when a running job finishes. Their lanes are in closed_lanes:<limiter>; the job types of a closed queue are in
-- queue:<queue>|closed.
-- Uses: keys, clock, batch, lanes, ready_lines, limiter_rescans
local P, now, left
-- Lanes of limiters, and job types of queues, to open per call; the next claim opens the rest.
local OPENED_AT_MOST = 300

local function begin() P, now, left = keys.prefix, clock.now, OPENED_AT_MOST end

local function has_opened_enough() return left <= 0 end

local function reopen(limiter)
  local changed_queue = string.match(limiter, '^rescan:(.*)$')
  if changed_queue then
    -- It looks at many limiters.
    left = 0
    return limiter_rescans.rescan(changed_queue)
  end
  local queue = string.match(limiter, '^queue:(.*)$')
  local closed = queue and keys.queue(queue, 'closed') or P .. 'closed_lanes:' .. limiter
  -- A limiter that is not opened now is due.
  for _, member in ipairs(left > 0 and redis.call('SPOP', closed, left) or {}) do
    left = left - 1
    if queue then
      ready_lines.follow(queue, member)
      batch.wake(queue, member)
    else
      local lane = lanes.of_ref(member)
      batch.lanes[lanes.key(lane)] = lane
      batch.wake(lane.queue, lane.name)
    end
  end
  if redis.call('EXISTS', closed) == 1 then
    redis.call('ZADD', P .. 'closed_limiters', now, limiter)
  else
    redis.call('ZREM', P .. 'closed_limiters', limiter)
  end
end

-- When each of these limiters opens; open ones are absent.
local function times(ids)
  local list, found = {}, {}
  for id in pairs(ids) do list[#list + 1] = id end
  for i = 1, #list, 1000 do
    for j, at in ipairs(redis.call('ZMSCORE', P .. 'closed_limiters', unpack(list, i, math.min(#list, i + 999)))) do
      if at then found[list[i + j - 1]] = tonumber(at) end
    end
  end
  return found
end

-- Which limiters of these lanes are closed.
local function of_lanes(changed_lanes)
  local ids = {}
  for _, job in pairs(changed_lanes) do
    if lanes.name(job) == '' then ids[lanes.type_limiter(job)] = true end
    for _, id in ipairs(lanes.limiters(job)) do ids[id] = true end
  end
  if not next(ids) then return ids end
  local closed = times(ids)
  -- A limiter that is due has begun to open.
  for id, at in pairs(closed) do if at <= now then closed[id] = nil end end
  return closed
end

-- Closes exhausted limiters and opens those with a freed slot; returns which limiters of the changed lanes are closed.
local function write()
  for id, at in pairs(batch.closing) do
    redis.call('ZADD', P .. 'closed_limiters', at == math.huge and '+inf' or at, id)
  end
  for queue in pairs(batch.freed_queues) do batch.freed['queue:' .. queue] = true end
  if next(batch.freed) then
    for id, at in pairs(times(batch.freed)) do
      if at == math.huge then reopen(id) end
    end
  end
  return of_lanes(batch.lanes)
end

return {begin = begin, reopen = reopen, write = write, has_opened_enough = has_opened_enough}
