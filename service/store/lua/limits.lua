-- Prelude of claim.lua: how many jobs a limiter lets start now, and the record of those that did.
-- A rate is kept as the list of its last `limit` starts in microseconds (starts:<limiter>): a start is permitted when the
-- one that came `limit` starts before lies a whole `per` back, so no window, wherever it begins, ever holds more.
-- Asks for `slots` and `parked_before`, and leaves in `rooms` what was asked.
local rooms = {}

local function queue_limits(queue)
  local values = redis.call('HMGET', P .. 'queue:' .. queue, 'max_concurrency', 'rate_limit', 'key_max_concurrency', 'key_rate_limit', 'paused_types')
  return {concurrency = tonumber(values[1] or nil), rate = values[2], key_concurrency = values[3], key_rate = values[4], paused_types = values[5]}
end

-- How many may start, and when (ms) the one after them may.
local function rate_room(id, rate, most)
  local limit, per, smooth = string.match(rate, '^(%d+) (%d+) (%d)$')
  limit, per = tonumber(limit), tonumber(per) * 1000
  local key = P .. 'starts:' .. id
  if smooth == '1' then
    local interval = math.ceil(per / limit)
    local last = tonumber(redis.call('LINDEX', key, -1) or nil)
    if last and last + interval > micros then return 0, math.ceil((last + interval) / 1000), limit, per end
    return 1, math.ceil((micros + interval) / 1000), limit, per
  end
  -- Of the last `limit` starts the oldest `most`: each blocks one of the next `most`, and what is missing blocks none.
  local blocking = redis.call('LRANGE', key, -limit, math.min(most, limit) - limit - 1)
  local free = math.min(most, limit) - #blocking
  for i, start in ipairs(blocking) do
    if tonumber(start) + per > micros then return free + i - 1, math.ceil((start + per) / 1000), limit, per end
  end
  -- All that is still known lies far enough back: only the starts of this claim count.
  if most < limit then return most, nil, limit, per end
  return limit, math.ceil((micros + per) / 1000), limit, per
end

local function limits_of(id, limits)
  local kind, name = string.match(id, '^(%a+):(.*)$')
  if kind == 'fan' then return tonumber(redis.call('HGET', P .. 'limiters', id) or nil), nil end
  if kind == 'queue' then return limits.concurrency, limits.rate end
  local queue, key = string.match(name, '^(.-)|(.*)$')
  local own = setting(queue, 'limited') == 'keys' and redis.call('HGET', queue_key(queue, 'keys'), key)
  local concurrency, rate = string.match(own or 'default|default', '^(.-)|(.*)$')
  if concurrency == 'default' then concurrency = limits.key_concurrency end
  if rate == 'default' then rate = limits.key_rate end
  return tonumber(concurrency or nil), rate ~= 'none' and rate or nil
end

-- `waits` = jobs are left that only this limiter holds back.
local function room_of(id, limits)
  local room = rooms[id]
  if room then return room end
  room = {left = slots, starts = 0, waits = false}
  rooms[id] = room
  local at = parked_before and tonumber(redis.call('ZSCORE', P .. 'parked', id) or nil)
  if at then room.left, room.parked = 0, true; return room end
  if not limits and string.sub(id, 1, 4) ~= 'fan:' then return room end
  local concurrency, rate = limits_of(id, limits)
  if rate then room.left, room.at, room.limit, room.per = rate_room(id, rate, slots) end
  if concurrency then
    local kind, queue = string.match(id, '^(%a+):(.*)$')
    local running = kind == 'queue' and redis.call('ZCARD', queue_key(queue, 'running')) or tonumber(redis.call('HGET', P .. 'busy', id) or 0)
    local left = math.max(0, concurrency - running)
    if left <= room.left then room.left, room.at = left, math.huge end
  end
  return room
end

local function charge(room)
  room.left = room.left - 1
  room.starts = room.starts + 1
end

-- Keep what was started, and close what is used up, so that the next claim does not meet it.
local function settle_rooms()
  for id, room in pairs(rooms) do
    if room.limit and room.starts > 0 then
      local key, times = P .. 'starts:' .. id, {}
      for i = 1, room.starts do times[i] = string.format('%.0f', micros) end
      if redis.call('RPUSH', key, unpack(times)) > room.limit then redis.call('LTRIM', key, -room.limit, -1) end
      -- An hour beyond the window: the server's clock may not be the one that the starts were timed with.
      redis.call('PEXPIRE', key, math.ceil(room.per / 1000) + 3600000)
    end
    if room.left <= 0 and room.at and not room.parked then
      parking[id] = room.at
      local queue = string.match(id, '^%a+:([^|]*)')
      if room.at < math.huge and room.waits then redis.call('HINCRBY', P .. 'counters', 'rate_limited:' .. queue, 1) end
    end
  end
end
