-- The queues behind the star, "*", which share one entry in the rounds (weighted_queues.lua): it has their total
-- weight, and they take turns in the order of their lines, ready:<type> (ready_lines.lua, docs/adr/0032).
-- Uses: keys, claimed_queues, ready_lines
local P
-- How many queues one claim may check without a start; those that it finds closed leave the line before the next claim.
local LOOKED_AT_MOST = 200
-- Up to this many queues, the lines are read completely, so that a queue in several of them counts once.
local COUNTED_AT_MOST = 256
-- The lines of the worker's types with queues that it does not name; the queues read from them, in order; the queues
-- that have had a turn.
local lines, waiting, at, had_turn, had_turn_at, seen
local horizon, looks

local function begin()
  P, lines, waiting, at, had_turn, had_turn_at, seen = keys.prefix, {}, {}, 1, {}, 1, {}
  horizon, looks = -math.huge, 0
end

-- Adds the line of a job type with queues that the worker does not name.
local function add_line(name) lines[#lines + 1] = {name = name, from = 0} end

local function note_place(claim, line, queue, place)
  local found = seen[queue]
  if found then
    found.place = math.min(found.place, place)
    found.types[#found.types + 1] = line.name
  elseif not claim.listed[queue] then
    found = {name = queue, place = place, types = {line.name}}
    seen[queue] = found
    waiting[#waiting + 1] = found
  end
end

-- Reads more of every line that has more. Up to `horizon`, `waiting` is complete.
local function read_lines(claim)
  local rest = {}
  for i = at, #waiting do rest[#rest + 1] = waiting[i] end
  waiting, at, horizon = rest, 1, math.huge
  for _, line in ipairs(lines) do
    if not line.ended then
      local raw = redis.call('ZRANGE', P .. 'ready:' .. line.name, line.from, line.from + line.size - 1, 'WITHSCORES')
      for i = 1, #raw, 2 do note_place(claim, line, raw[i], tonumber(raw[i + 1])) end
      line.ended = #raw < line.size * 2
      line.from, line.size = line.from + line.size, line.size * 2
      if not line.ended then horizon = math.min(horizon, tonumber(raw[#raw])) end
    end
  end
  table.sort(waiting, function(one, other) return one.place < other.place end)
end

local function has_free_slot(claim, types)
  for _, name in ipairs(types) do if claim.free[name] ~= 0 then return true end end
end

-- The next queue behind the star, first those that have had no turn in this claim.
local function next_in_line(claim)
  if (at > #waiting or waiting[at].place > horizon) and horizon < math.huge then read_lines(claim) end
  local found = waiting[at]
  if found then
    at = at + 1
    if has_free_slot(claim, found.types) then return claimed_queues.new(found.name, 0, 0) end
    -- It may be in another line as well.
    seen[found.name] = nil
    return next_in_line(claim)
  end
  found = had_turn[had_turn_at]
  had_turn_at = had_turn_at + 1
  return found
end

-- Whether a queue behind the star can start a job; it is then in `star.queue`. `leave` removes a queue that cannot.
local function may_start(claim, star, leave)
  while star.count > 0 do
    star.queue = star.queue or next_in_line(claim)
    if not star.queue then return false end
    if claimed_queues.may_start(claim, star.queue) then return true end
    leave(claim)
    looks = looks + 1
    if looks == LOOKED_AT_MOST then
      claim.skipped = true
      return false
    end
  end
end

-- The queue has had its turn and may get another one.
local function put_back(star)
  had_turn[#had_turn + 1] = star.queue
  star.queue = nil
end

-- The entry of the star: `sum` queues are in the lines, `most` of them in the longest line.
local function new_star(claim, sum, most)
  local size = math.ceil(claim.slots / claim.jobs_in_a_turn) + 2
  if #lines > 1 then
    size = sum <= COUNTED_AT_MOST and COUNTED_AT_MOST or math.max(4, math.floor(COUNTED_AT_MOST / #lines))
  end
  for _, line in ipairs(lines) do line.size = size + #claim.named end
  read_lines(claim)
  local count = horizon == math.huge and #waiting or most
  return {
    name = '*', count = count, alone = count == 1, weight = claim.star_weight * count,
    credit = claim.star_credit * count, queue = nil,
  }
end

-- Call it after the write: served queues go to the end of their lines, closed ones leave them.
local function write(claim, star)
  local places, turns = {}, {}
  for _, queue in ipairs(claim.looked) do
    for _, name in ipairs(queue.closed and queue.names or queue.paused) do ready_lines.close(queue.name, name) end
    if queue.served and not queue.closed and not star.alone then turns[#turns + 1] = queue end
  end
  if #turns == 0 then return end
  local turn = redis.call('INCRBY', P .. 'ready_position', #turns) - #turns
  for i, queue in ipairs(turns) do
    for _, name in ipairs(queue.names) do
      places[name] = places[name] or {}
      local list = places[name]
      list[#list + 1] = turn + i
      list[#list + 1] = queue.name
    end
  end
  for name, list in pairs(places) do redis.call('ZADD', P .. 'ready:' .. name, 'XX', unpack(list)) end
end

return {
  begin = begin, add_line = add_line, may_start = may_start, put_back = put_back, new_star = new_star, write = write,
}
