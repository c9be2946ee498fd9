#!lua flags=no-writes
-- Counts the jobs of a queue that workers can start within a horizon: no pause, freeze or limit holds them back. Beyond
-- LOOKED_AT lanes or due jobs it estimates: a further lane counts as one startable job, a further due job as startable.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] queue   ARGV[3] horizon (ms)
-- Returns {queued, running, due within the horizon, queued and due jobs that can start, "1" if the queue is paused}
-- Uses: keys, clock, jobs, lanes, queue_settings, queue_limits, rate_limits
local P, micros, queue_key = keys.prefix, clock.micros, keys.queue
local LOOKED_AT, left = 500, 500
local queue, horizon, places, startable = {name = ARGV[2]}, tonumber(ARGV[3]), {}, 0
local until_ms, until_micros = clock.now + horizon, micros + horizon * 1000
local paused_types = queue_limits.read(queue)
local limits = queue.limits or {}

-- Starts that a rate permits until then. Its starts are in order, so a binary search finds those that still count.
local function starts_of(id, rate)
  local key, whole = P .. 'starts:' .. id, math.floor(horizon * 1000 / rate.per)
  if rate.smooth then
    local _, planned = rate_limits.read_start(redis.call('LINDEX', key, -1))
    local first = math.max(micros, planned and planned + rate.interval or 0)
    return first > until_micros and 0 or math.floor((until_micros - first) / rate.interval) + 1
  end
  local low, high = 0, math.min(rate.limit, redis.call('LLEN', key))
  local from = until_micros - whole * rate.per - rate.per
  while low < high do
    local middle = math.ceil((low + high) / 2)
    local start = rate_limits.read_start(redis.call('LINDEX', key, -middle))
    if start > from then low = middle else high = middle - 1 end
  end
  return rate.limit * whole + rate.limit - low
end

local function places_of(id, concurrency, rate, running)
  local closed = tonumber(redis.call('ZSCORE', P .. 'closed_limiters', id) or nil)
  if closed and closed > until_ms then return 0 end
  local count = concurrency and math.max(0, concurrency - running) or math.huge
  return rate and math.min(count, starts_of(id, rate)) or count
end

local function places_of_lane(id, lane)
  if string.sub(id, 1, 5) == 'type:' then return places_of(id) end
  local concurrency, rate = queue_limits.of_lane(id, queue, lane)
  return places_of(id, concurrency, rate, tonumber(redis.call('HGET', P .. 'busy', id) or 0))
end

local function is_paused(name) return queue_settings.names_type(paused_types, name) end

-- Adds the waiting jobs of a lane, as far as its limiters have room.
local function add(lane, count)
  if is_paused(lane.name) then return end
  local ids = lanes.name(lane) == '' and {lanes.type_limiter(lane)} or lanes.limiters(lane)
  for _, id in ipairs(ids) do
    places[id] = places[id] or places_of_lane(id, lane)
    count = math.min(count, places[id])
  end
  for _, id in ipairs(ids) do places[id] = places[id] - count end
  startable = startable + count
end

local function add_lane(name, lane)
  left = left - 1
  local found = lanes.of(queue.name, name, lane)
  add(found, redis.call('ZCARD', lanes.key(found)))
end

for _, name in ipairs(redis.call('ZRANGE', queue_key(queue.name, 'types'), 0, LOOKED_AT - 1)) do add_lane(name, '') end
left = LOOKED_AT
for _, name in ipairs(redis.call('ZRANGE', queue_key(queue.name, 'keyed'), 0, LOOKED_AT - 1)) do
  local list = queue_key(queue.name, 'lanes:' .. name)
  local known = left
  for _, lane in ipairs(left > 0 and redis.call('ZRANGE', list, 0, left - 1) or {}) do add_lane(name, lane) end
  if not is_paused(name) then startable = startable + redis.call('ZCARD', list) - (known - left) end
end
-- A limiter of a key or a type names its queue, a limited fan-out has one: others hold no lanes of this queue back.
local function may_hold_back(id)
  local kind, of = string.match(id, '^(%a+):([^|]*)')
  return kind == 'fan' or ((kind == 'key' or kind == 'type') and of == queue.name)
end

-- Closed lanes that open in time.
local refs = LOOKED_AT
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'closed_limiters', '-inf', until_ms, 'LIMIT', 0, LOOKED_AT)) do
  local found = refs > 0 and may_hold_back(id) and redis.call('SRANDMEMBER', P .. 'closed_lanes:' .. id, refs) or {}
  refs = refs - #found
  for _, ref in ipairs(found) do
    local of, name, lane = string.match(ref, '^(.-)|(.-)|(.*)$')
    if of == queue.name then add_lane(name, lane) end
  end
end
-- Overdue jobs count as well: without a worker, nothing promotes them.
local due_key = queue_key(queue.name, 'due')
local due = redis.call('ZCOUNT', due_key, '-inf', until_ms)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', due_key, '-inf', until_ms, 'LIMIT', 0, LOOKED_AT)) do
  local job = jobs.load(id)
  if job then add(job, 1) end
end
startable = startable + math.max(0, due - LOOKED_AT)

local running = redis.call('ZCARD', queue_key(queue.name, 'running'))
startable = math.min(startable, places_of('queue:' .. queue.name, limits.concurrency, limits.rate, running))
local queued = redis.call('ZCARD', queue_key(queue.name, 'queued'))
if queue_settings.is_paused(queue.name) then return {queued, running, due, 0, '1'} end
return {queued, running, due, startable, ''}
