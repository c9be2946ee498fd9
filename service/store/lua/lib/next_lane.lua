-- Prelude of claim.lua: which lane of a queue is next, and what a start changes about that.
-- Asks for `looked`, `free`, `slots`, `jobs_in_a_turn` and `jobs_of_a_lane`.
local starts_here, keyed_starts = 0, 0

local function lowest(scores)
  local best
  for name, score in pairs(scores) do
    if not best or score < scores[best] or (score == scores[best] and name < best) then best = name end
  end
  return best
end
-- Uses: keyed_lanes

-- `first` and `score` are the next job of a lane.
local function go_to(lane, at)
  if lane.jobs and at > #lane.jobs and not lane.drained then lane.from, lane.count, lane.jobs, at = lane.from + lane.count, lane.count * 2, nil, 1 end
  if not lane.jobs then
    lane.jobs = redis.call('ZRANGE', lane_key(lane), lane.from, lane.from + lane.count - 1, 'WITHSCORES')
    lane.drained = #lane.jobs < lane.count * 2
  end
  lane.at, lane.first, lane.score = at, lane.jobs[at], tonumber(lane.jobs[at + 1])
end

local function open_lane(lane, count)
  if not lane.at then lane.from, lane.count = 0, count + 1; go_to(lane, 1) end
  return lane
end

local function plain_lane(queue, name)
  local lane = queue.lanes['|' .. name]
  if not lane then lane = lane_of(queue.name, name, ''); queue.lanes['|' .. name] = lane end
  return open_lane(lane, jobs_in_a_turn)
end

-- The lane that is next in a queue: by running order, and between keys by who waited longest. It is then out of its list.
local function next_lane(queue)
  local name, keyed = lowest(queue.plain), first_keyed(queue)
  if name then
    local plain = plain_lane(queue, name)
    if not keyed then return plain end
    if fair_rank(queue.name, plain.score, plain.first, queue.last_start) <= keyed.rank then return plain end
  end
  if not keyed then return nil end
  remove_first(queue.lanes[keyed.name])
  return open_lane(keyed, jobs_of_a_lane)
end

local function take(lane)
  local id = lane.first
  go_to(lane, lane.at + 2)
  return id
end

-- When (us) the next job of a lane starts: now, or as soon as each of its rates has a slot for it.
local function starts_at(queue, lane)
  local at = micros
  if queue.room then at = math.max(at, queue.room.opens) end
  if lane.lane ~= '' then
    for _, id in ipairs(lane_limiters(lane)) do at = math.max(at, rooms[id].opens) end
  end
  return at
end

-- A job of the lane that has waited since `queued` starts at `at`: charge its limiters, and the lane waits from now on.
local function started(queue, lane, at, queued)
  -- A claim starts many at once: each a microsecond after the one before, so that lanes take turns inside it, too.
  starts_here = starts_here + 1
  local stamp = (micros + starts_here) / 1000
  if queue.room then charge(queue.room, at, queued) end
  if lane.lane ~= '' then
    for _, id in ipairs(lane_limiters(lane)) do charge(rooms[id], at, queued) end
    keyed_starts = keyed_starts + 1
    served[lane_key(lane)] = stamp
    lane.last_start = stamp
  elseif next(queue.keyed) then
    redis.call('HSET', P .. 'served', queue.name .. '|', stamp)
    queue.last_start = stamp
  end
  if free[lane.name] then free[lane.name] = free[lane.name] - 1 end
end

-- Whether a lane with a key may start one more in the same turn: nothing limits it, and its next job is as urgent as the one
-- that the turn began with, to less than one point of priority.
local function goes_on(queue, lane, began)
  if lane.lane == '' or free[lane.name] == 0 or (queue.room and queue.room.left <= 0) or closed_by(queue, lane) then return false end
  return lane.first and lane.score - began < running_order(queue.name, 1, 0)
end

local function put_back(queue, lane)
  local name, key = lane.name, lane_key(lane)
  lanes[key] = lane
  if heads_hold then heads[key] = lane end
  if lane.lane == '' then
    queue.plain[name] = lane.score
  else
    if lane.first then
      if not lane.last_start then lane.last_start = tonumber(redis.call('HGET', P .. 'served', lane_ref(lane)) or nil) end
      lane.rank = fair_rank(queue.name, lane.score, lane.first, lane.last_start)
      insert(queue.lanes[name], lane)
      for _, limiter in ipairs(lane_limiters(lane)) do rooms[limiter].waits = true end
    end
    local list = lanes_of(queue, name)
    local first = list[1]
    queue.keyed[name] = first and first.rank
    list.first, list.score = first, first and first.rank
    if heads_hold then heads[list.key] = list end
  end
  if free[name] == 0 then
    for _, other in ipairs(looked) do other.plain[name] = nil; other.keyed[name] = nil end
  end
end
