-- What a rate allows. The list starts:<limiter> holds its last `limit` starts in microseconds. A start is allowed if
-- the one `limit` starts earlier is at least `per` old, so no window of that length ever holds more. A smooth rate also
-- plans its starts, `per / limit` apart, and stores the planned time with each start: a late start does not delay the
-- next ones (docs/adr/0026).
-- Uses: keys, clock
local P, micros
local known
-- Microseconds: how early a job may be claimed, for its worker to wait until the planned start; and how late a start
-- may be before the plan starts over.
local AHEAD, BEHIND = 5000, 50000

local function begin() P, micros, known = keys.prefix, clock.micros, {} end

-- Parses a rate: "<limit> <per in ms> <1 if it is smooth>".
local function of(text)
  local rate = text and known[text]
  if text and not rate then
    local limit, per, smooth = string.match(text, '^(%d+) (%d+) (%d)$')
    rate = {limit = tonumber(limit), per = tonumber(per) * 1000, smooth = smooth == '1'}
    rate.interval = math.ceil(rate.per / rate.limit)
    known[text] = rate
  end
  return rate
end

-- An entry of starts:<limiter>: "start planned", or the start alone.
local function read_start(text)
  local at, planned = string.match(text or '', '^(%d+) ?(%d*)$')
  return tonumber(at), tonumber(planned) or tonumber(at)
end

-- The oldest `most` of the last `limit` starts: each blocks one of the next `most`. Missing ones block none.
local function blocking_starts(id, limit, most)
  local starts = redis.call('LRANGE', P .. 'starts:' .. id, -limit, math.min(most, limit) - limit - 1)
  for i = 1, #starts do starts[i] = read_start(starts[i]) end
  return starts, math.min(most, limit) - #starts
end

-- How many jobs may start under a rate that is not smooth, and when (ms) the next one may.
local function room(id, rate, most)
  local limit, per = rate.limit, rate.per
  local blocking, free = blocking_starts(id, limit, most)
  for i, start in ipairs(blocking) do
    if start + per > micros then return free + i - 1, (start + per) / 1000 end
  end
  -- All recorded starts are old enough, so only the starts of this claim count.
  if most < limit then return most, nil end
  return limit, (micros + per) / 1000
end

-- When the next start of a room with a smooth rate is due, and whether that is soon enough.
local function plan_next(of_room)
  local rate, number, before = of_room.rate, of_room.starts + 1, nil
  if number > rate.limit then
    before = of_room.times[number - rate.limit]
  elseif number > of_room.free then
    before = of_room.blocking[number - of_room.free]
  end
  local planned = of_room.planned and of_room.planned + rate.interval or 0
  of_room.opens = math.max(of_room.last, planned, before and before + rate.per or 0)
  if of_room.places <= 0 then
    of_room.left, of_room.at = 0, math.huge
  elseif of_room.opens > micros + AHEAD then
    of_room.left, of_room.at = 0, (of_room.opens - AHEAD) / 1000
  else
    of_room.left, of_room.at = of_room.places, nil
  end
end

-- Uses the planned start of a job that starts at `at` and was queued at `queued`: the one that a prompt claim would
-- have used. After a longer gap, the plan starts over.
local function use_planned(of_room, at, queued)
  local planned = of_room.planned and of_room.planned + of_room.rate.interval or 0
  planned = at - planned > BEHIND and at or math.max(planned, math.min(queued, at))
  of_room.last, of_room.planned, of_room.places = at, planned, of_room.places - 1
  plan_next(of_room)
  return string.format('%.0f %.0f', at, planned)
end

return {
  begin = begin, of = of, read_start = read_start, blocking_starts = blocking_starts, room = room,
  plan_next = plan_next, use_planned = use_planned, AHEAD = AHEAD,
}
