-- Rooms: how many jobs each limiter allows to start now, and the starts that the claim made. Of `claim` (claims.lua) it
-- uses `slots`, the starts still to fill; `anything_closed`, false if no limiter is closed; and by limiter `rooms`,
-- `busy` and `closed_at`.
-- In a room, `waits` means that only this limiter holds back jobs; `opens` is the earliest next start, so that the
-- starts of a rate stay in order.
-- Uses: keys, clock, batch, queue_limits, rate_limits
local P, micros

local function begin() P, micros = keys.prefix, clock.micros end

-- Reads several limiters at once, before they are needed.
local function read_ahead(claim, ids, counted)
  if #ids == 0 then return end
  if claim.anything_closed then
    for i, at in ipairs(redis.call('ZMSCORE', P .. 'closed_limiters', unpack(ids))) do claim.closed_at[ids[i]] = at end
  end
  if counted then
    local counts = redis.call('HMGET', P .. 'busy', unpack(ids))
    for i, count in ipairs(counts) do claim.busy[ids[i]] = tonumber(count or 0) end
  end
end

-- The room of a limiter; `running` = starts that count towards its concurrency.
local function new(claim, id, queue, concurrency, rate, running)
  -- One more than the claim can start: a room with nothing left closes its limiter.
  local most = claim.slots + 1
  local room = {
    left = most, starts = 0, waits = false, rate = rate, queue = queue.name, opens = 0,
    times = rate and {}, stamps = rate and {},
  }
  claim.rooms[id] = room
  if claim.closed_at[id] then
    room.left, room.closed = 0, true
    return room
  end
  if rate then
    room.last, room.planned = rate_limits.read_start(redis.call('LINDEX', P .. 'starts:' .. id, -1))
    room.last = room.last or 0
  end
  local places = concurrency and math.max(0, concurrency - running) or math.huge
  if rate and rate.smooth then
    room.blocking, room.free = rate_limits.blocking_starts(id, rate.limit, most)
    room.places = math.min(most, places)
    rate_limits.plan_next(room)
    return room
  end
  if rate then
    room.left, room.at = rate_limits.room(id, rate, most)
    -- If the clock was set back, jobs must not wait longer than a claim may look ahead.
    room.opens = math.min(room.last, micros + rate_limits.AHEAD)
  end
  if places <= room.left then room.left, room.at = places, math.huge end
  return room
end

local function queue_room(claim, queue)
  local id, limits = 'queue:' .. queue.name, queue.limits
  if claim.anything_closed then claim.closed_at[id] = redis.call('ZSCORE', P .. 'closed_limiters', id) end
  local running = limits.concurrency and redis.call('ZCARD', keys.queue(queue.name, 'running'))
  return new(claim, id, queue, limits.concurrency, limits.rate, running)
end

local function lane_room(claim, id, queue, lane)
  local concurrency, rate = queue_limits.of_lane(id, queue, lane)
  return new(claim, id, queue, concurrency, rate, claim.busy[id])
end

-- Charges the room for a job that starts at `at` and was queued at `queued`.
local function charge(room, at, queued)
  room.starts = room.starts + 1
  local rate = room.rate
  if rate then room.times[room.starts] = at end
  if rate and rate.smooth then
    room.stamps[room.starts] = rate_limits.use_planned(room, at, queued)
  else
    room.left = room.left - 1
  end
end

local function record_starts(id, room)
  local key, rate, stamps = P .. 'starts:' .. id, room.rate, room.stamps
  if not rate.smooth then
    for i, at in ipairs(room.times) do stamps[i] = string.format('%.0f', at) end
  end
  if redis.call('RPUSH', key, unpack(stamps)) > rate.limit then redis.call('LTRIM', key, -rate.limit, -1) end
  -- An hour beyond the window, in case the starts were timed with another server's clock.
  redis.call('PEXPIRE', key, math.ceil(rate.per / 1000) + 3600000)
end

-- Records the starts, and closes exhausted limiters so that the next claim does not find them.
local function settle(claim)
  for id, room in pairs(claim.rooms) do
    if room.rate and room.starts > 0 then record_starts(id, room) end
    if room.left <= 0 and room.at and not room.closed then
      batch.closing[id] = room.at
      local held_up = room.waits and room.at < math.huge
      if held_up then redis.call('HINCRBY', P .. 'counters', 'rate_limited:' .. room.queue, 1) end
    end
  end
end

return {
  begin = begin, read_ahead = read_ahead, new = new, queue_room = queue_room, lane_room = lane_room, charge = charge,
  settle = settle,
}
