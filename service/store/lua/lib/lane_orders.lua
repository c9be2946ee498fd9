-- The orders in which claims find lanes: each lane with a key has a rank within its job type; each job type has one
-- among the types of its queue, by its first lane with a key or by its lane without.
-- Uses: keys, batch, lanes, traits, queue_settings, ready_lines
local P
local queue_key = keys.queue

local function begin() P = keys.prefix end

-- Ranks a job as if it was queued no earlier than its lane's last start, so the lane that waited longest goes first.
local function fair_rank(queue, score, id, last_start)
  local text = last_start and redis.call('HGET', P .. 'job:' .. id, 'traits')
  if not text then return score end
  return math.max(score, queue_settings.running_order(queue, traits.of(text).priority, last_start))
end

-- Updates the place of an index in the one above it; returns whether it was added or removed.
local function follow(key, member, child)
  local known, first, score = batch.heads[child]
  if known then first, score = known.first, known.score else first, score = keys.head(child) end
  if first then return redis.call('ZADD', key, score, member) == 1 end
  redis.call('ZREM', key, member)
  return true
end

local function append(lists, name, first, second)
  local list = lists[name]
  if not list then
    list = {}
    lists[name] = list
  end
  list[#list + 1] = first
  if second then list[#list + 1] = second end
end

-- Adds the change of a lane to `order`: its rank, or its removal because it is empty or `limiter` closes it. Adds to
-- `starts` what to write to `served`, or to delete.
local function place(order, starts, key, job, limiter)
  local name, known, first, score, rank = lanes.name(job), batch.heads[key]
  if known then first, score, rank = known.first, known.score, known.rank else first, score = keys.head(key) end
  if not known or limiter then order.unsure = true end
  local started_at = batch.served[key]
  if first and started_at then append(starts, 'served', lanes.ref(job), started_at) end
  if not first then
    append(order, 'gone', name)
    append(starts, 'forgotten', lanes.ref(job))
  elseif limiter then
    append(order, 'gone', name)
    redis.call('SADD', P .. 'closed_lanes:' .. limiter, lanes.ref(job))
  else
    if not rank then
      local last_start = started_at or tonumber(redis.call('HGET', P .. 'served', lanes.ref(job)) or nil)
      rank = fair_rank(job.queue, tonumber(score), first, last_start)
    end
    append(order, 'ranks', rank, name)
  end
end

local function write_order(key, order)
  if order.gone then redis.call('ZREM', key, unpack(order.gone)) end
  if order.ranks then redis.call('ZADD', key, unpack(order.ranks)) end
  if order.unsure then batch.heads[key] = nil end
end

-- The lane of a type without a limit key: in its place, or removed while the type is frozen.
local function place_plain(job, key, closed, moved)
  local index, limiter = queue_key(job.queue, 'types'), lanes.type_limiter(job)
  local left
  if closed[limiter] then
    redis.call('SADD', P .. 'closed_lanes:' .. limiter, lanes.ref(job))
    left = redis.call('ZREM', index, job.name) == 1
  else
    left = follow(index, job.name, key)
  end
  if left then moved[job.queue .. '|' .. job.name] = job end
end

-- Uses one command per order, and one for all last starts. `closed` holds the limiters that close lanes.
local function write(closed)
  local orders, starts, moved = {}, {}, {}
  for key, job in pairs(batch.lanes) do
    if lanes.name(job) == '' then
      place_plain(job, key, closed, moved)
    else
      local limiter
      for _, id in ipairs(lanes.limiters(job)) do if closed[id] then limiter = id end end
      local order_key = queue_key(job.queue, 'lanes:' .. job.name)
      local order = orders[order_key]
      if not order then
        order = {job = job}
        orders[order_key] = order
      end
      place(order, starts, key, job, limiter)
    end
  end
  for key, order in pairs(orders) do
    write_order(key, order)
    local job = order.job
    if follow(queue_key(job.queue, 'keyed'), job.name, key) then moved[job.queue .. '|' .. job.name] = job end
  end
  for _, job in pairs(moved) do ready_lines.follow(job.queue, job.name) end
  if starts.served then redis.call('HSET', P .. 'served', unpack(starts.served)) end
  if starts.forgotten then redis.call('HDEL', P .. 'served', unpack(starts.forgotten)) end
end

return {begin = begin, fair_rank = fair_rank, write = write}
