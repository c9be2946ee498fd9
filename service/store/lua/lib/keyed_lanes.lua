-- The lanes with limit keys of a queue, fetched a few at a time in their order.
-- Uses: keys, batch, lanes, claimed_queues, limiter_rooms
-- How many lanes one claim may close: all lanes of limiters that were just reopened can be among them.
local CLOSED_AT_MOST = 300
local closings

local function begin() closings = 0 end

local function insert(list, lane)
  local i, rank = #list, lane.rank
  while i > 0 and list[i].rank > rank do i = i - 1 end
  table.insert(list, i + 1, lane)
end

local function fetch(claim, queue, name, list)
  local limits, count, ids = queue.limits, list.count, {}
  local raw = redis.call('ZRANGE', list.key, list.fetched, list.fetched + count - 1, 'WITHSCORES')
  local counted = limits and (limits.key_concurrency or limits.overridden)
  list.more, list.fetched = #raw == count * 2, list.fetched + count
  list.count, list.fresh = math.min(count * 2, 64), #raw / 2
  for i = 1, #raw, 2 do
    local lane = lanes.of(queue.name, name, raw[i])
    lane.rank, lane.fresh = tonumber(raw[i + 1]), true
    insert(list, lane)
    for _, id in ipairs(lanes.limiters(lane)) do if not claim.rooms[id] then ids[#ids + 1] = id end end
    counted = counted or lane.group
  end
  limiter_rooms.read_ahead(claim, ids, counted)
end

-- The first lanes of a job type, in order. `fresh` counts the fetched lanes that were not used yet; at 0, more are
-- fetched.
local function of(claim, queue, name)
  local list = queue.lanes[name]
  if not list then
    list = {
      key = keys.queue(queue.name, 'lanes:' .. name), fetched = 0, fresh = 0, more = true,
      count = math.ceil(claim.jobs_in_a_turn / claim.jobs_of_a_lane) + 1,
    }
    queue.lanes[name] = list
  end
  if list.fresh == 0 and list.more then fetch(claim, queue, name, list) end
  return list
end

-- The room of a limiter that closes the lane, or nil.
local function closed_by(claim, queue, lane)
  for _, id in ipairs(lanes.limiters(lane)) do
    local room = claim.rooms[id] or limiter_rooms.lane_room(claim, id, queue, lane)
    if room.left <= 0 then return room end
  end
end

local function remove_first(list)
  local lane = table.remove(list, 1)
  if lane.fresh then
    list.fresh = list.fresh - 1
    lane.fresh = false
  end
end

-- The most urgent lane with a key that may start a job. It closes the lanes before it that may not.
local function first(claim, queue)
  while true do
    local name = claimed_queues.lowest(queue.keyed)
    if not name then return nil end
    local list = of(claim, queue, name)
    local lane = list[1]
    if not lane then
      queue.keyed[name] = nil
    else
      queue.keyed[name] = lane.rank
      local room = closed_by(claim, queue, lane)
      if not room then return lane end
      room.waits = true
      batch.lanes[lanes.key(lane)] = lane
      remove_first(list)
      closings = closings + 1
      if closings > CLOSED_AT_MOST then
        claim.skipped = true
        queue.keyed[name] = nil
      end
    end
  end
end

return {begin = begin, insert = insert, of = of, closed_by = closed_by, remove_first = remove_first, first = first}
