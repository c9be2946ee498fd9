-- Prelude of lanes.lua: closing limiters, opening them again, and writing what became of the lanes.
-- Lanes of one limiter, or job types of one queue, that are opened in one call; the rest follows with the next claim.
local OPENED_AT_MOST = 300

-- Uses: ready_lines

-- Uses: limiter_rescans

local function reopen(limiter)
  local changed_queue = string.match(limiter, '^rescan:(.*)$')
  if changed_queue then return rescan(changed_queue) end
  local queue = string.match(limiter, '^queue:(.*)$')
  local closed = queue and queue_key(queue, 'closed') or P .. 'parked:' .. limiter
  for _, member in ipairs(redis.call('SPOP', closed, OPENED_AT_MOST)) do
    if queue then
      follow_ready(queue, member)
      wake_for(queue, member)
    else
      local lane = lane_of(string.match(member, '^(.-)|(.-)|(.*)$'))
      lanes[lane_key(lane)] = lane
      wake_for(lane.queue, lane.name)
    end
  end
  if redis.call('EXISTS', closed) == 1 then
    redis.call('ZADD', P .. 'parked', now, limiter)
  else
    redis.call('ZREM', P .. 'parked', limiter)
  end
end

-- A running job holds a slot of each of its limiters; those of a queue are counted by queue:<queue>|running.
local function hold_slots(job, count)
  if count < 0 then freed_queues[job.queue] = true end
  if not (job.limit_key or job.group) then return end
  for _, id in ipairs(lane_limiters(job)) do
    if string.sub(id, 1, 5) ~= 'type:' then
      busy[id] = (busy[id] or 0) + count
      if count < 0 then freed[id] = true end
    end
  end
end

-- When each of the limiters may start jobs again; those that may now are absent.
local function parked_of(ids)
  local list, times = {}, {}
  for id in pairs(ids) do list[#list + 1] = id end
  for i = 1, #list, 1000 do
    for j, at in ipairs(redis.call('ZMSCORE', P .. 'parked', unpack(list, i, math.min(#list, i + 999)))) do
      if at then times[list[i + j - 1]] = tonumber(at) end
    end
  end
  return times
end

local function write_busy()
  local ids, counts, none = {}, {}, {}
  for id in pairs(busy) do ids[#ids + 1] = id end
  if #ids == 0 then return end
  for i, value in ipairs(redis.call('HMGET', P .. 'busy', unpack(ids))) do
    local count = (tonumber(value or nil) or 0) + busy[ids[i]]
    if count > 0 then counts[#counts + 1] = ids[i]; counts[#counts + 1] = count else none[#none + 1] = ids[i] end
  end
  if #counts > 0 then redis.call('HSET', P .. 'busy', unpack(counts)) end
  if #none > 0 then redis.call('HDEL', P .. 'busy', unpack(none)) end
end

-- The lane of a type without a key: in its place, or out of it while the type is frozen.
local function place_plain(job, key, closed, moved)
  local index, limiter, left = queue_key(job.queue, 'types'), type_limiter(job), nil
  if closed[limiter] then
    redis.call('SADD', P .. 'parked:' .. limiter, lane_ref(job))
    left = redis.call('ZREM', index, job.name) == 1
  else
    left = follow(index, job.name, key)
  end
  if left then moved[job.queue .. '|' .. job.name] = job end
end

-- One command for all lanes of an order, and one for all last starts.
local function write_lanes(closed)
  local orders, starts, moved = {}, {}, {}
  for key, job in pairs(lanes) do
    if lane_name(job) == '' then
      place_plain(job, key, closed, moved)
    else
      local limiter
      for _, id in ipairs(lane_limiters(job)) do if closed[id] then limiter = id end end
      local order_key = queue_key(job.queue, 'lanes:' .. job.name)
      local order = orders[order_key]
      if not order then order = {job = job}; orders[order_key] = order end
      place_lane(order, starts, key, job, limiter)
    end
  end
  for key, order in pairs(orders) do
    write_order(key, order)
    local job = order.job
    if follow(queue_key(job.queue, 'keyed'), job.name, key) then moved[job.queue .. '|' .. job.name] = job end
  end
  for _, job in pairs(moved) do follow_ready(job.queue, job.name) end
  if starts.served then redis.call('HSET', P .. 'served', unpack(starts.served)) end
  if starts.forgotten then redis.call('HDEL', P .. 'served', unpack(starts.forgotten)) end
end

-- `anything_parked` false spares the look at `parked`: most namespaces never have a limit.
local function flush_lanes(anything_parked)
  write_busy()
  for id, at in pairs(parking) do
    redis.call('ZADD', P .. 'parked', at == math.huge and '+inf' or at, id)
    anything_parked = true
  end
  for queue in pairs(anything_parked and freed_queues or {}) do freed['queue:' .. queue] = true end
  if anything_parked and next(freed) then
    for id, at in pairs(parked_of(freed)) do
      if at == math.huge then reopen(id) end
    end
  end
  local ids, closed = {}, {}
  if anything_parked then
    for _, job in pairs(lanes) do
      if lane_name(job) == '' then ids[type_limiter(job)] = true end
      for _, id in ipairs(lane_limiters(job)) do ids[id] = true end
    end
    if next(ids) then closed = parked_of(ids) end
    -- One that is due has begun to open.
    for id, at in pairs(closed) do if at <= now then closed[id] = nil end end
  end
  write_lanes(closed)
  lanes, freed, freed_queues, parking, busy, served, heads = {}, {}, {}, {}, {}, {}, {}
end
