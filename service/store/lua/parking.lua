-- Prelude of lanes.lua: closing limiters, opening them again, and writing what became of the lanes.
local function reopen(limiter)
  redis.call('ZREM', P .. 'parked', limiter)
  local queue = string.match(limiter, '^queue:(.*)$')
  if queue then
    queues_touched[queue] = true
    for _, index in ipairs({'types', 'keyed'}) do
      for _, name in ipairs(redis.call('ZRANGE', queue_key(queue, index), 0, 499)) do wake_for(queue, name) end
    end
    return
  end
  for _, ref in ipairs(redis.call('SMEMBERS', P .. 'parked:' .. limiter)) do
    local lane = lane_of(string.match(ref, '^(.-)|(.-)|(.*)$'))
    lanes[lane_key(lane)] = lane
    wake_for(lane.queue, lane.name)
  end
  redis.call('DEL', P .. 'parked:' .. limiter)
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

local function follow_ready(queue, index, set, closed)
  local open = not closed and redis.call('EXISTS', queue_key(queue, index)) == 1
  redis.call(open and 'SADD' or 'SREM', P .. set, queue)
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
local function place_plain(job, key, closed, plain)
  local index, limiter = queue_key(job.queue, 'types'), type_limiter(job)
  if not closed[limiter] then
    if follow(index, job.name, key) then plain[job.queue] = true end
    return
  end
  redis.call('SADD', P .. 'parked:' .. limiter, lane_ref(job))
  if redis.call('ZREM', index, job.name) == 1 then plain[job.queue] = true end
end

-- One command for all lanes of an order, and one for all last starts.
local function write_lanes(closed, plain, keyed)
  local orders, starts = {}, {}
  for key, job in pairs(lanes) do
    if lane_name(job) == '' then
      place_plain(job, key, closed, plain)
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
    if follow(queue_key(order.job.queue, 'keyed'), order.job.name, key) then keyed[order.job.queue] = true end
  end
  if starts.served then redis.call('HSET', P .. 'served', unpack(starts.served)) end
  if starts.forgotten then redis.call('HDEL', P .. 'served', unpack(starts.forgotten)) end
end

-- `anything_parked` false spares the look at `parked`: most namespaces never have a limit.
local function flush_lanes(anything_parked)
  write_busy()
  for id, at in pairs(parking) do
    redis.call('ZADD', P .. 'parked', at == math.huge and '+inf' or at, id)
    local queue = string.match(id, '^queue:(.*)$')
    if queue then queues_touched[queue] = true end
    anything_parked = true
  end
  for queue in pairs(anything_parked and freed_queues or {}) do freed['queue:' .. queue] = true end
  if anything_parked and next(freed) then
    for id, at in pairs(parked_of(freed)) do
      if at == math.huge then reopen(id) end
    end
  end
  local ids, closed, plain, keyed = {}, {}, {}, {}
  for queue in pairs(queues_touched) do plain[queue] = true; keyed[queue] = true end
  if anything_parked then
    for queue in pairs(queues_touched) do ids['queue:' .. queue] = true end
    for _, job in pairs(lanes) do
      ids['queue:' .. job.queue] = true
      if lane_name(job) == '' then ids[type_limiter(job)] = true end
      for _, id in ipairs(lane_limiters(job)) do ids[id] = true end
    end
    if next(ids) then closed = parked_of(ids) end
  end
  write_lanes(closed, plain, keyed)
  for queue in pairs(plain) do follow_ready(queue, 'types', 'ready', closed['queue:' .. queue]) end
  for queue in pairs(keyed) do follow_ready(queue, 'keyed', 'ready_keyed', closed['queue:' .. queue]) end
  lanes, queues_touched, freed, freed_queues, parking, busy, served, heads = {}, {}, {}, {}, {}, {}, {}, {}
end
