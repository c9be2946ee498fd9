-- Prelude of next_lane.lua: the lanes with keys of a queue, fetched a few at a time in their order.
-- Asks for `slots` and `skipped`.
-- Lanes that one claim finds closed and puts away at most: all of them hang on limiters that were just reopened.
local CLOSED_AT_MOST = 300
local closings = 0

local function insert(list, lane)
  local i, rank = #list, lane.rank
  while i > 0 and list[i].rank > rank do i = i - 1 end
  table.insert(list, i + 1, lane)
end

local function fetch(queue, name, list)
  local limits, count, ids = queue.limits, list.count, {}
  local raw = redis.call('ZRANGE', list.key, list.fetched, list.fetched + count - 1, 'WITHSCORES')
  local counted = limits and (limits.key_concurrency or limits.overridden)
  list.more, list.fetched, list.count, list.fresh = #raw == count * 2, list.fetched + count, math.min(count * 2, 64), #raw / 2
  for i = 1, #raw, 2 do
    local lane = lane_of(queue.name, name, raw[i])
    lane.rank, lane.fresh = tonumber(raw[i + 1]), true
    insert(list, lane)
    for _, id in ipairs(lane_limiters(lane)) do if not rooms[id] then ids[#ids + 1] = id end end
    counted = counted or lane.group
  end
  read_ahead(ids, counted)
end

-- Its first lanes in order; `fresh` counts those that have not been looked at: when it is 0 the next ones are fetched.
local function lanes_of(queue, name)
  local list = queue.lanes[name]
  if not list then
    list = {key = queue_key(queue.name, 'lanes:' .. name), fetched = 0, fresh = 0, more = true, count = math.ceil(jobs_in_a_turn / jobs_of_a_lane) + 1}
    queue.lanes[name] = list
  end
  if list.fresh == 0 and list.more then fetch(queue, name, list) end
  return list
end

local function closed_by(queue, lane)
  for _, id in ipairs(lane_limiters(lane)) do
    local room = rooms[id] or lane_room(id, queue, lane)
    if room.left <= 0 then return room end
  end
end

local function remove_first(list)
  local lane = table.remove(list, 1)
  if lane.fresh then list.fresh = list.fresh - 1; lane.fresh = false end
end

-- The most urgent lane with a key that may start a job; those that may not are closed on the way.
local function first_keyed(queue)
  while true do
    local name = lowest(queue.keyed)
    if not name then return nil end
    local list = lanes_of(queue, name)
    local lane = list[1]
    if not lane then
      queue.keyed[name] = nil
    else
      queue.keyed[name] = lane.rank
      local room = closed_by(queue, lane)
      if not room then return lane end
      room.waits = true
      lanes[lane_key(lane)] = lane
      remove_first(list)
      closings = closings + 1
      if closings > CLOSED_AT_MOST then skipped = true; queue.keyed[name] = nil end
    end
  end
end
