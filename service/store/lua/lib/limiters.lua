-- Prelude of claim.lua and explain.lua: how many jobs a limiter lets start now, and the record of those that did.
-- Asks for `slots` and `parked_before`, and leaves in `rooms` what was asked.
local rooms, busy_now, parked_at = {}, {}, {}
-- Uses: rate_limits

-- One look for several limiters that will be asked.
local function read_ahead(ids, counted)
  if #ids == 0 then return end
  if parked_before then
    for i, at in ipairs(redis.call('ZMSCORE', P .. 'parked', unpack(ids))) do parked_at[ids[i]] = at end
  end
  if counted then
    for i, count in ipairs(redis.call('HMGET', P .. 'busy', unpack(ids))) do busy_now[ids[i]] = tonumber(count or 0) end
  end
end

-- `waits` = jobs are left that only this limiter holds back; `running` = starts that its concurrency counts; `opens` = no
-- start is before that, so that the starts of a rate stay in their order.
local function new_room(id, queue, concurrency, rate, running)
  -- One more than may start here: a room without a place left has closed its limiter.
  local most = slots + 1
  local room = {left = most, starts = 0, waits = false, rate = rate, queue = queue.name, opens = 0, times = rate and {}, stamps = rate and {}}
  rooms[id] = room
  if parked_at[id] then room.left, room.parked = 0, true; return room end
  if rate then
    room.last, room.slot = rates.read_start(redis.call('LINDEX', P .. 'starts:' .. id, -1))
    room.last = room.last or 0
  end
  local places = concurrency and math.max(0, concurrency - running) or math.huge
  if rate and rate.smooth then
    room.blocking, room.free = rates.blocking_starts(id, rate.limit, most)
    room.places = math.min(most, places)
    rates.next_slot(room)
    return room
  end
  if rate then
    room.left, room.at = rates.room(id, rate, most)
    -- A clock that was set back must not hold jobs up for longer than a claim may look ahead.
    room.opens = math.min(room.last, micros + rates.ahead)
  end
  if places <= room.left then room.left, room.at = places, math.huge end
  return room
end

local function queue_room(queue)
  local id, limits = 'queue:' .. queue.name, queue.limits
  if parked_before then parked_at[id] = redis.call('ZSCORE', P .. 'parked', id) end
  return new_room(id, queue, limits.concurrency, limits.rate, limits.concurrency and redis.call('ZCARD', queue_key(queue.name, 'running')))
end

-- The settings of a queue that limit it, into `queue`; answers the job types that are paused in it.
local function read_limits(queue)
  local values = read_settings(queue.name, 'limited', 'max_concurrency', 'rate_limit', 'key_max_concurrency', 'key_rate_limit', 'paused_types')
  if values[4] then
    queue.limits = {concurrency = tonumber(values[5] or nil), rate = rates.of(values[6]), key_concurrency = tonumber(values[7] or nil),
      key_rate = rates.of(values[8]), overridden = values[4] == 'keys'}
  end
  return values[9]
end

-- Concurrency and rate of one limit key.
local function key_limits(queue, key)
  local limits = queue.limits
  if not limits then return nil, nil end
  local concurrency, rate = limits.key_concurrency, limits.key_rate
  local own = limits.overridden and redis.call('HGET', queue_key(queue.name, 'keys'), key)
  if own then
    local of_key, rate_of_key = string.match(own, '^(.-)|(.*)$')
    if of_key ~= 'default' then concurrency = tonumber(of_key) end
    if rate_of_key == 'none' then rate = nil elseif rate_of_key ~= 'default' then rate = rates.of(rate_of_key) end
  end
  return concurrency, rate
end

local function key_room(id, queue, key)
  local concurrency, rate = key_limits(queue, key)
  return new_room(id, queue, concurrency, rate, busy_now[id])
end

-- The limiters of a lane: first its key's, then its fan-out's.
local function lane_room(id, queue, lane)
  if string.byte(id) == 107 then return key_room(id, queue, lane.limit_key) end
  return new_room(id, queue, tonumber(redis.call('HGET', P .. 'limiters', id) or nil), nil, busy_now[id])
end

local function charge(room, at, queued)
  room.starts = room.starts + 1
  local rate = room.rate
  if rate then room.times[room.starts] = at end
  if rate and rate.smooth then room.stamps[room.starts] = rates.use_slot(room, at, queued) else room.left = room.left - 1 end
end

-- Keep what was started, and close what is used up, so that the next claim does not meet it.
local function settle_rooms()
  for id, room in pairs(rooms) do
    local rate = room.rate
    if rate and room.starts > 0 then
      local key, stamps = P .. 'starts:' .. id, room.stamps
      if not rate.smooth then
        for i, at in ipairs(room.times) do stamps[i] = string.format('%.0f', at) end
      end
      if redis.call('RPUSH', key, unpack(stamps)) > rate.limit then redis.call('LTRIM', key, -rate.limit, -1) end
      -- An hour beyond the window: the server's clock may not be the one that the starts were timed with.
      redis.call('PEXPIRE', key, math.ceil(rate.per / 1000) + 3600000)
    end
    if room.left <= 0 and room.at and not room.parked then
      parking[id] = room.at
      if room.at < math.huge and room.waits then redis.call('HINCRBY', P .. 'counters', 'rate_limited:' .. room.queue, 1) end
    end
  end
end
