-- Prelude of turns.lua: the lanes with keys of a queue, fetched a few at a time in their order.
-- Asks for `slots` and `skipped`.
-- Lanes that one claim finds closed and puts away at most: all of them hang on limiters that were just reopened.
local CLOSED_AT_MOST = 300
local closings = 0

local function insert(list, lane)
  local i = #list
  while i > 0 and list[i].rank > lane.rank do i = i - 1 end
  table.insert(list, i + 1, lane)
end

-- Its first lanes in order; `fresh` counts those that have not been looked at: when it is 0 the next ones are fetched.
local function lanes_of(queue, name)
  local list = queue.lanes[name]
  if not list then list = {fetched = 0, fresh = 0, more = true, count = 2}; queue.lanes[name] = list end
  if list.fresh == 0 and list.more then
    local raw = redis.call('ZRANGE', queue_key(queue.name, 'lanes:' .. name), list.fetched, list.fetched + list.count - 1, 'WITHSCORES')
    list.more, list.fetched = #raw == list.count * 2, list.fetched + list.count
    list.count = math.min(list.count * 2, 64)
    for i = 1, #raw, 2 do
      list.fresh = list.fresh + 1
      insert(list, {shell = lane_shell(queue.name, name, raw[i]), rank = tonumber(raw[i + 1]), fresh = true})
    end
  end
  return list
end

local function closed_by(queue, lane)
  for _, id in ipairs(lane_limiters(lane.shell)) do
    local room = room_of(id, queue.limits)
    if room.left <= 0 then return room end
  end
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
      lanes[lane_key(lane.shell)] = lane.shell
      table.remove(list, 1)
      if lane.fresh then list.fresh = list.fresh - 1; lane.fresh = false end
      closings = closings + 1
      if closings > CLOSED_AT_MOST then skipped = true; queue.keyed[name] = nil end
    end
  end
end
