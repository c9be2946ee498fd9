-- What a rate permits. A rate is kept as the list of its last `limit` starts in microseconds (starts:<limiter>): a
-- start is permitted when the one that came `limit` starts before lies a whole `per` back, so no window, wherever it
-- begins, ever holds more. A smooth rate has slots besides, `per / limit` apart, and keeps the slot of each start with
-- it: a start that came late for its slot does not move the next ones (docs/adr/0026).
-- Loaded when it is first used.
-- Uses: keys, clock
local P, micros = keys.prefix, clock.micros
local known = {}
-- Microseconds: how long before its slot a job may be claimed, which its worker then waits for, and how far behind its
-- slot a start may be before the slots are counted anew from it.
local AHEAD, BEHIND = 5000, 50000

-- The rate that a setting says: "<limit> <per in ms> <1 if it is smooth>".
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

-- An entry of starts:<limiter>: "start slot", or the start alone.
local function read_start(text)
  local at, slot = string.match(text or '', '^(%d+) ?(%d*)$')
  return tonumber(at), tonumber(slot) or tonumber(at)
end

-- Of the last `limit` starts the oldest `most`: each blocks one of the next `most`, and what is missing blocks none.
local function blocking_starts(id, limit, most)
  local starts = redis.call('LRANGE', P .. 'starts:' .. id, -limit, math.min(most, limit) - limit - 1)
  for i = 1, #starts do starts[i] = read_start(starts[i]) end
  return starts, math.min(most, limit) - #starts
end

-- How many may start under a rate that is not smooth, and when (ms) the one after them may.
local function room(id, rate, most)
  local limit, per = rate.limit, rate.per
  local blocking, free = blocking_starts(id, limit, most)
  for i, start in ipairs(blocking) do
    if start + per > micros then return free + i - 1, (start + per) / 1000 end
  end
  -- All that is still known lies far enough back: only the starts of this claim count.
  if most < limit then return most, nil end
  return limit, (micros + per) / 1000
end

-- When the next start of a room with a smooth rate is due, and whether that is near enough.
local function next_slot(of_room)
  local rate, number, before = of_room.rate, of_room.starts + 1, nil
  if number > rate.limit then
    before = of_room.times[number - rate.limit]
  elseif number > of_room.free then
    before = of_room.blocking[number - of_room.free]
  end
  local slot = of_room.slot and of_room.slot + rate.interval or 0
  of_room.opens = math.max(of_room.last, slot, before and before + rate.per or 0)
  if of_room.places <= 0 then
    of_room.left, of_room.at = 0, math.huge
  elseif of_room.opens > micros + AHEAD then
    of_room.left, of_room.at = 0, (of_room.opens - AHEAD) / 1000
  else
    of_room.left, of_room.at = of_room.places, nil
  end
end

-- A job that has waited since `queued` starts at `at`: in the slot that it would have had, had a claim looked in time.
-- Where nothing started for longer than that can explain, the slots begin anew.
local function use_slot(of_room, at, queued)
  local slot = of_room.slot and of_room.slot + of_room.rate.interval or 0
  slot = at - slot > BEHIND and at or math.max(slot, math.min(queued, at))
  of_room.last, of_room.slot, of_room.places = at, slot, of_room.places - 1
  next_slot(of_room)
  return string.format('%.0f %.0f', at, slot)
end

return {
  of = of, read_start = read_start, blocking_starts = blocking_starts, room = room, next_slot = next_slot,
  use_slot = use_slot, AHEAD = AHEAD,
}
