-- Prelude of index.lua: lanes, and the limiters that close them.
-- A lane holds the queued jobs of one job type. Jobs without a limit key share one lane per type, in pure running order
-- (queue:<queue>|types); every limit key, and every fan-out with a limit, has lanes of its own (lanes:<type>), ordered
-- so that a lane that has just started a job waits its turn (docs/adr/0010).
-- A limiter that lets nothing start is in `parked`, by the time at which it may again; +inf = when a slot is freed.
-- Its queue is then out of `ready`, its lanes are in parked:<limiter>: a claim never meets them.
local lanes, queues_touched, woken, freed, freed_queues, parking, busy, served, fans = {}, {}, {}, {}, {}, {}, {}, {}, {}

-- A bar, because names of queues may hold colons.
local function queue_key(queue, suffix) return P .. 'queue:' .. queue .. '|' .. suffix end

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

local function lane_key(job) return queue_key(job.queue, 'lane:' .. job.name .. '|' .. lane_name(job)) end

-- What stands for the jobs of a lane where no single one is meant.
local function lane_shell(queue, name, lane)
  local key, fan = string.match(lane, '^([^|]*)|?(.*)$')
  return {queue = queue, name = name, lane = lane, state = 'queued', limit_key = key ~= '' and key or nil, group = fan ~= '' and fan or nil}
end

local function lane_limiters(job)
  local ids, fan = {}, limited_fan(job)
  if job.limit_key then ids[1] = 'key:' .. job.queue .. '|' .. job.limit_key end
  if fan then ids[#ids + 1] = 'fan:' .. fan end
  return ids
end

local function wake_for(queue, name) woken[queue .. ',' .. name] = {queue = queue, name = name} end

-- A running job holds a slot of each of its limiters; those of a queue are counted by queue:<queue>|running.
local function hold_slots(job, count)
  if count < 0 then freed_queues[job.queue] = true end
  if not (job.limit_key or job.group) then return end
  for _, id in ipairs(lane_limiters(job)) do
    busy[id] = (busy[id] or 0) + count
    if count < 0 then freed[id] = true end
  end
end

local function head(key)
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  return first[1], first[2]
end

local function follow(key, member, child)
  local first, score = head(child)
  if first then redis.call('ZADD', key, score, member) else redis.call('ZREM', key, member) end
end

-- A job counts as queued no earlier than the last start of its lane: the lane that waited longest goes first.
local function fair_rank(queue, score, id, last_start)
  local priority = last_start and redis.call('HGET', P .. 'job:' .. id, 'priority')
  return priority and math.max(score, running_order(queue, priority, last_start)) or score
end

local function place_lane(key, job, limiter)
  local name = lane_name(job)
  local order, ref = queue_key(job.queue, 'lanes:' .. job.name), job.name .. '|' .. name
  local first, score = head(key)
  if not first then
    redis.call('ZREM', order, name)
    redis.call('HDEL', queue_key(job.queue, 'served'), ref)
    return
  end
  if served[key] then redis.call('HSET', queue_key(job.queue, 'served'), ref, served[key]) end
  if limiter then
    redis.call('ZREM', order, name)
    redis.call('SADD', P .. 'parked:' .. limiter, job.queue .. '|' .. ref)
  else
    local last_start = served[key] or tonumber(redis.call('HGET', queue_key(job.queue, 'served'), ref) or nil)
    redis.call('ZADD', order, fair_rank(job.queue, tonumber(score), first, last_start), name)
  end
end
-- Uses: parking
