-- Prelude of claim.lua: which lane of a queue is next, and what a start changes about that.
-- Asks for `queues`, `free` and `slots`.
-- Uses: keyed
local starts_here, keyed_starts = 0, 0

local function peek(lane)
  if not lane.jobs or (lane.at > #lane.jobs and not lane.drained) then
    local from, count = lane.from or 0, lane.count or (lane.shell.lane == '' and slots + 1 or 2)
    lane.jobs = redis.call('ZRANGE', lane_key(lane.shell), from, from + count - 1, 'WITHSCORES')
    lane.at, lane.from, lane.count, lane.drained = 1, from + count, count * 2, #lane.jobs < count * 2
  end
  return lane.jobs[lane.at], tonumber(lane.jobs[lane.at + 1])
end

local function plain_lane(queue, name)
  local lane = queue.lanes['|' .. name] or {shell = lane_shell(queue.name, name, '')}
  queue.lanes['|' .. name] = lane
  return lane
end

-- The lane that is next in a queue: by running order, and between keys by who waited longest.
local function next_lane(queue)
  local name, keyed = lowest(queue.plain), first_keyed(queue)
  if not name then return keyed end
  local plain = plain_lane(queue, name)
  if not keyed then return plain end
  local id, score = peek(plain)
  return fair_rank(queue.name, score, id, queue.last_start) <= keyed.rank and plain or keyed
end

local function take(queue, lane)
  local id = peek(lane)
  lane.at = lane.at + 2
  if lane.shell.lane ~= '' then
    local list = queue.lanes[lane.shell.name]
    table.remove(list, 1)
    if lane.fresh then list.fresh = list.fresh - 1; lane.fresh = false end
  end
  return id
end

-- A job of the lane has started: charge its limiters, and the lane waits from now on.
local function started(queue, lane)
  local shell = lane.shell
  -- A claim starts many at once: each a microsecond after the one before, so that lanes take turns inside it, too.
  starts_here = starts_here + 1
  local stamp = (micros + starts_here) / 1000
  if queue.room then charge(queue.room) end
  for _, id in ipairs(lane_limiters(shell)) do charge(rooms[id]) end
  if shell.lane ~= '' then
    keyed_starts = keyed_starts + 1
    served[lane_key(shell)] = stamp
    lane.last_start = stamp
  elseif next(queue.keyed) then
    redis.call('HSET', queue_key(queue.name, 'served'), '', stamp)
    queue.last_start = stamp
  end
  if free[shell.name] then free[shell.name] = free[shell.name] - 1 end
end

local function put_back(queue, lane)
  local shell = lane.shell
  local name = shell.name
  local id, score = peek(lane)
  if shell.lane == '' then
    queue.plain[name] = score
  else
    if id then
      lane.rank = fair_rank(queue.name, score, id, lane.last_start)
      insert(queue.lanes[name], lane)
      for _, limiter in ipairs(lane_limiters(shell)) do rooms[limiter].waits = true end
    end
    local first = lanes_of(queue, name)[1]
    queue.keyed[name] = first and first.rank
  end
  if free[name] == 0 then
    for _, other in ipairs(queues) do other.plain[name] = nil; other.keyed[name] = nil end
  end
end
