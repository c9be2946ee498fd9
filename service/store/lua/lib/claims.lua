-- The state of a claim: one object that the libraries of a claim work on.
-- Uses: claimed_queues
-- Reading a queue or lane costs as much as starting one or two jobs, so a large claim takes several jobs per turn. They
-- all start at the same moment anyway (docs/adr/0016).
local TURN_AT_MOST = 12

-- `slots` is how many jobs may start; values[first..] are the number of queues, per queue name ("*" = every other) and
-- weight, then per job type name and free slots ("" = no limit). `credits` is what the previous claim returned.
local function new(slots, credits, values, first)
  local claim = {
    -- Starts still to fill, and the limits per turn of a queue and of a lane.
    slots = slots, TURN_AT_MOST = TURN_AT_MOST,
    jobs_in_a_turn = math.max(1, math.min(TURN_AT_MOST, math.floor(slots / 4))),
    jobs_of_a_lane = math.max(1, math.min(6, math.floor(slots / 8))),
    -- The queues that the worker names, by name and in order; the weight and the credit of each other queue.
    listed = {}, named = {}, star_weight = nil, star_credit = 0,
    -- The worker's job types, how many more of each may start, and the types with queued jobs.
    types = {}, free = {}, open_types = {},
    -- Limiters (limiter_rooms.lua), and the queues that were read.
    anything_closed = nil, rooms = {}, busy = {}, closed_at = {}, looked = {},
    -- Credits for the next claim; starts in total and from lanes with a key; whether jobs were left out.
    credits = {}, starts = 0, keyed_starts = 0, skipped = false,
  }
  local last = first + 2 * tonumber(values[first])
  for i = first + 1, last, 2 do
    local name, weight = values[i], tonumber(values[i + 1])
    if name == '*' then
      claim.star_weight = weight
    else
      claim.listed[name] = claimed_queues.new(name, weight, 0)
      claim.named[#claim.named + 1] = name
    end
  end
  for name, credit in string.gmatch(credits, '(%S+) (%S+)') do
    if name == '*' then
      claim.star_credit = tonumber(credit)
    elseif claim.listed[name] then
      claim.listed[name].credit = tonumber(credit)
    end
  end
  for i = last + 1, #values, 2 do
    claim.types[#claim.types + 1] = values[i]
    claim.free[values[i]] = tonumber(values[i + 1])
  end
  return claim
end

return {new = new}
