-- Chooses the next lane of a queue, and updates the order after a start. claims.lua describes `claim`.
-- Uses: keys, clock, batch, lanes, lane_orders, limiter_rooms, claimed_queues, keyed_lanes, queue_settings
local P, micros
local limiters_of, key_of, lowest = lanes.limiters, lanes.key, claimed_queues.lowest

local function begin() P, micros = keys.prefix, clock.micros end

-- `first` and `score` are the next job of a lane.
local function go_to(lane, at)
  if lane.jobs and at > #lane.jobs and not lane.drained then
    lane.from, lane.count, lane.jobs, at = lane.from + lane.count, lane.count * 2, nil, 1
  end
  if not lane.jobs then
    lane.jobs = redis.call('ZRANGE', key_of(lane), lane.from, lane.from + lane.count - 1, 'WITHSCORES')
    lane.drained = #lane.jobs < lane.count * 2
  end
  lane.at, lane.first, lane.score = at, lane.jobs[at], tonumber(lane.jobs[at + 1])
end

local function open(lane, count)
  if not lane.at then
    lane.from, lane.count = 0, count + 1
    go_to(lane, 1)
  end
  return lane
end

local function plain_lane(claim, queue, name)
  local lane = queue.lanes['|' .. name]
  if not lane then
    lane = lanes.of(queue.name, name, '')
    queue.lanes['|' .. name] = lane
  end
  return open(lane, claim.jobs_in_a_turn)
end

-- The next lane of a queue: by running order, and between keys by the longest wait. It is out of its list until
-- put_back().
local function choose(claim, queue)
  local name, keyed = lowest(queue.plain), next(queue.keyed) and keyed_lanes.first(claim, queue)
  if name then
    local plain = plain_lane(claim, queue, name)
    if not keyed then return plain end
    local rank = lane_orders.fair_rank(queue.name, plain.score, plain.first, queue.last_start)
    if rank <= keyed.rank then return plain end
  end
  if not keyed then return nil end
  keyed_lanes.remove_first(queue.lanes[keyed.name])
  return open(keyed, claim.jobs_of_a_lane)
end

local function take(lane)
  local id, score = lane.first, lane.jobs[lane.at + 1]
  go_to(lane, lane.at + 2)
  return id, score
end

-- When (us) the next job of a lane starts: now, or as soon as all of its rates allow.
local function starts_at(claim, queue, lane)
  local at = micros
  if queue.room then at = math.max(at, queue.room.opens) end
  if lane.lane ~= '' then
    for _, id in ipairs(limiters_of(lane)) do at = math.max(at, claim.rooms[id].opens) end
  end
  return at
end

-- Charges the limiters of a lane for a job that starts at `at` and was queued at `queued`; the lane's wait begins
-- again.
local function started(claim, queue, lane, at, queued)
  -- The jobs of a claim start a microsecond apart, so that lanes take turns within the claim as well.
  claim.starts = claim.starts + 1
  local stamp = (micros + claim.starts) / 1000
  if queue.room then limiter_rooms.charge(queue.room, at, queued) end
  if lane.lane ~= '' then
    for _, id in ipairs(limiters_of(lane)) do limiter_rooms.charge(claim.rooms[id], at, queued) end
    claim.keyed_starts = claim.keyed_starts + 1
    batch.served[key_of(lane)] = stamp
    lane.last_start = stamp
  elseif next(queue.keyed) then
    redis.call('HSET', P .. 'served', queue.name .. '|', stamp)
    queue.last_start = stamp
  end
  local free = claim.free[lane.name]
  if free then claim.free[lane.name] = free - 1 end
end

-- Whether a lane may start another job in the same turn: no limit applies, and it is the only lane of its queue, or it
-- has a key and its next job is as urgent as the first one of the turn, to within one point of priority.
local function may_continue(claim, queue, lane, began)
  if claim.free[lane.name] == 0 or (queue.room and queue.room.left <= 0) then return false end
  if lane.lane == '' then
    return lane.first and not next(queue.keyed) and not next(queue.plain, (next(queue.plain)))
  end
  if keyed_lanes.closed_by(claim, queue, lane) then return false end
  return lane.first and lane.score - began < queue_settings.running_order(queue.name, 1, 0)
end

local function put_back_keyed(claim, queue, lane)
  local name = lane.name
  if lane.first then
    if not lane.last_start then
      lane.last_start = tonumber(redis.call('HGET', P .. 'served', lanes.ref(lane)) or nil)
    end
    lane.rank = lane_orders.fair_rank(queue.name, lane.score, lane.first, lane.last_start)
    keyed_lanes.insert(queue.lanes[name], lane)
    for _, limiter in ipairs(limiters_of(lane)) do claim.rooms[limiter].waits = true end
  end
  local list = keyed_lanes.of(claim, queue, name)
  local first = list[1]
  queue.keyed[name] = first and first.rank
  list.first, list.score = first, first and first.rank
  if batch.heads_hold then batch.heads[list.key] = list end
end

-- Returns a lane to its list after its turn.
local function put_back(claim, queue, lane)
  local name, key = lane.name, key_of(lane)
  batch.lanes[key] = lane
  if batch.heads_hold then batch.heads[key] = lane end
  if lane.lane == '' then queue.plain[name] = lane.score else put_back_keyed(claim, queue, lane) end
  if claim.free[name] == 0 then
    for _, other in ipairs(claim.looked) do
      other.plain[name] = nil
      other.keyed[name] = nil
    end
  end
end

return {
  begin = begin, choose = choose, take = take, starts_at = starts_at, started = started, may_continue = may_continue,
  put_back = put_back,
}
