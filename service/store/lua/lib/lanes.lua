-- Prelude of job_indexes.lua: lanes, and the limiters that close them.
-- A lane holds the queued jobs of one job type. Jobs without a limit key share one lane per type, in pure running order
-- (queue:<queue>|types); every limit key, and every fan-out with a limit, has lanes of its own (lanes:<type>), ordered
-- so that a lane that has just started a job waits its turn (docs/adr/0010).
-- A limiter that lets nothing start is in `parked`, by the time at which it may again; +inf = when a slot is freed.
-- Its lanes are then in parked:<limiter>, and a claim never meets them. A queue stands in the line ready:<type> of each job type that
-- it has open lanes of, unless a claim found it paused or at its limit: then the type is in queue:<queue>|closed (docs/adr/0032).
-- Jobs without a limit key have one per type, `type:<queue>|<type>`, which closes only while it is frozen and counts nothing.
-- `heads` is what a claim knows of lanes and of their orders and spares the end of the script to read: `first`, `score`, `rank`;
-- nothing more once an heir came between (unique_keys.lua).
local lanes, woken, freed, freed_queues, parking, busy, served, fans = {}, {}, {}, {}, {}, {}, {}, {}
local heads, heads_hold, known_keys, key_limiters, NONE = {}, true, {}, {}, {}

-- A bar, because names of queues may hold colons.
local function queue_key(queue, suffix)
  local known = known_keys[queue]
  if not known then known = {}; known_keys[queue] = known end
  local key = known[suffix]
  if not key then key = P .. 'queue:' .. queue .. '|' .. suffix; known[suffix] = key end
  return key
end

-- The fan-out of a job, where that has a limit of its own.
local function limited_fan(job)
  local group = job.group
  if not group or string.sub(group, 1, 4) ~= 'fan_' then return nil end
  if fans[group] == nil then fans[group] = redis.call('HEXISTS', P .. 'limiters', 'fan:' .. group) == 1 end
  return fans[group] and group
end

local function lane_name(job)
  if job.lane then return job.lane end
  local fan = limited_fan(job)
  return (job.limit_key or '') .. (fan and '|' .. fan or '')
end

-- Kept in the job, whose queue therefore is not changed while it is in a lane.
local function lane_key(job)
  local key = job.lane_key
  if not key then key = P .. 'queue:' .. job.queue .. '|lane:' .. job.name .. '|' .. lane_name(job); job.lane_key = key end
  return key
end

-- A lane, and what stands for its jobs where no single one is meant. Naming a field here makes room for it, once instead of
-- each time that one is set.
local function lane_of(queue, name, lane)
  local key, fan = lane, nil
  if string.find(lane, '|', 1, true) then key, fan = string.match(lane, '^([^|]*)|(.*)$') end
  return {queue = queue, name = name, lane = lane, state = 'queued', limit_key = key ~= '' and key or nil, group = fan, lane_key = nil, limiters = nil,
    rank = nil, fresh = nil, jobs = nil, at = nil, from = nil, count = nil, drained = nil, first = nil, score = nil, last_start = nil}
end

local function type_limiter(job) return 'type:' .. job.queue .. '|' .. job.name end

-- Those of a lane that has any beside its type's: that one is asked for by itself.
local function lane_limiters(job)
  if job.limiters then return job.limiters end
  local fan, key, ids = limited_fan(job), job.limit_key, nil
  if key then
    -- Jobs of one key share the list, where there is no fan-out beside it.
    local of_queue = key_limiters[job.queue]
    if not of_queue then of_queue = {}; key_limiters[job.queue] = of_queue end
    ids = of_queue[key]
    if not ids then ids = {'key:' .. job.queue .. '|' .. key}; of_queue[key] = ids end
  end
  if fan then ids = {ids and ids[1] or type_limiter(job), 'fan:' .. fan} end
  job.limiters = ids or NONE
  return job.limiters
end

local function wake_for(queue, name) woken[queue .. ',' .. name] = {queue = queue, name = name} end

local function head(key)
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  return first[1], first[2]
end

-- Keeps the place of an index in the one above it; answers whether it came there, or left.
local function follow(key, member, child)
  local first, score
  local known = heads[child]
  if known then first, score = known.first, known.score else first, score = head(child) end
  if first then return redis.call('ZADD', key, score, member) == 1 end
  redis.call('ZREM', key, member)
  return true
end

-- A job counts as queued no earlier than the last start of its lane: the lane that waited longest goes first.
local function fair_rank(queue, score, id, last_start)
  local priority = last_start and redis.call('HGET', P .. 'job:' .. id, 'priority')
  return priority and math.max(score, running_order(queue, priority, last_start)) or score
end

-- What `served` and parked:<limiter> call a lane.
local function lane_ref(job) return job.queue .. '|' .. job.name .. '|' .. lane_name(job) end

-- Notes in `order` what becomes of a lane there: its rank, or that it has left, because it is empty or `limiter` closes it; and in
-- `starts` what `served` is to remember, or to forget.
local function place_lane(order, starts, key, job, limiter)
  local name, known, first, score, rank = lane_name(job), heads[key], nil, nil, nil
  if known then first, score, rank = known.first, known.score, known.rank else first, score = head(key) end
  if not known or limiter then order.unsure = true end
  if first and served[key] then append(starts, 'served', lane_ref(job), served[key]) end
  if not first then
    append(order, 'gone', name)
    append(starts, 'forgotten', lane_ref(job))
  elseif limiter then
    append(order, 'gone', name)
    redis.call('SADD', P .. 'parked:' .. limiter, lane_ref(job))
  else
    if not rank then
      local last_start = served[key] or tonumber(redis.call('HGET', P .. 'served', lane_ref(job)) or nil)
      rank = fair_rank(job.queue, tonumber(score), first, last_start)
    end
    append(order, 'ranks', rank, name)
  end
end

local function write_order(key, order)
  if order.gone then redis.call('ZREM', key, unpack(order.gone)) end
  if order.ranks then redis.call('ZADD', key, unpack(order.ranks)) end
  if order.unsure then heads[key] = nil end
end
-- Uses: closed_limiters
