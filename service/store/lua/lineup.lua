-- Prelude of claim.lua: which queues may give this worker something, and whose turn it is: smooth weighted round robin between the
-- queues that the worker names and one place for all behind the star, which take turns there (docs/adr/0032).
-- Only queues in line for a type that the worker can start are met. One is looked at when its turn comes, not before; `plain` and
-- `keyed` then hold the first score of each of its job types, without a limit key and with one.
-- Asks for `types`, `free`, `slots`, `listed`, `named`, `everything_else`, `star_credit` and `jobs_in_a_turn`.
-- Looks that come to nothing in one claim at most: what they find closed has left the line for the next claim.
local LOOKED_AT_MOST = 200
-- Lines with so many queues in all are read whole, so that a queue that stands in several of them is counted once.
local COUNTED_AT_MOST = 256
local entries, looked, rounds, total = {}, {}, 0, 0
-- The lines of the worker's types; the queues behind the star that were read from them, in order; those that have had a turn.
local lines, waiting, at, had_turn, had_turn_at, seen, horizon, looks = {}, {}, 1, {}, 1, {}, -math.huge, 0
local star, open_types = nil, {}

local function enter_round(entry)
  entries[#entries + 1] = entry
  total = total + entry.weight
end

-- Reads on in every line that has more. Up to `horizon` nobody is missing in `waiting`.
local function read_lines()
  local rest = {}
  for i = at, #waiting do rest[#rest + 1] = waiting[i] end
  waiting, at, horizon = rest, 1, math.huge
  for _, line in ipairs(lines) do
    if not line.ended then
      local raw = redis.call('ZRANGE', P .. 'ready:' .. line.name, line.from, line.from + line.size - 1, 'WITHSCORES')
      for i = 1, #raw, 2 do
        local found = seen[raw[i]]
        if found then
          found.place = math.min(found.place, tonumber(raw[i + 1]))
          found.types[#found.types + 1] = line.name
        elseif not listed[raw[i]] then
          found = {name = raw[i], place = tonumber(raw[i + 1]), types = {line.name}}
          seen[raw[i]] = found
          waiting[#waiting + 1] = found
        end
      end
      line.ended = #raw < line.size * 2
      line.from, line.size = line.from + line.size, line.size * 2
      if not line.ended then horizon = math.min(horizon, tonumber(raw[#raw])) end
    end
  end
  table.sort(waiting, function(one, other) return one.place < other.place end)
end

local function line_up()
  local sum, most = 0, 0
  for i, count in ipairs(redis.call('ZMSCORE', P .. 'ready', unpack(types))) do
    local name = types[i]
    if count and free[name] ~= 0 then
      count = tonumber(count)
      open_types[#open_types + 1] = name
      for j, place in ipairs(#named > 0 and redis.call('ZMSCORE', P .. 'ready:' .. name, unpack(named)) or {}) do
        if place then listed[named[j]].waits, count = true, count - 1 end
      end
      if count > 0 then lines[#lines + 1] = {name = name, from = 0} end
      sum, most = sum + count, math.max(most, count)
    end
  end
  for _, name in ipairs(named) do
    if listed[name].waits then enter_round(listed[name]) end
  end
  if everything_else and sum > 0 then
    local size = math.ceil(slots / jobs_in_a_turn) + 2
    if #lines > 1 then size = sum <= COUNTED_AT_MOST and COUNTED_AT_MOST or math.max(4, math.floor(COUNTED_AT_MOST / #lines)) end
    for _, line in ipairs(lines) do line.size = size + #named end
    read_lines()
    local count = horizon == math.huge and #waiting or most
    star = {name = '*', count = count, weight = everything_else * count, credit = star_credit * count, queue = nil}
    enter_round(star)
  end
  -- What is beyond a turn comes from rounds with more queues than are left, and would keep a place waiting, or going first, for long.
  local most_credit = total * TURN_AT_MOST
  for _, entry in ipairs(entries) do entry.credit = math.max(-most_credit, math.min(most_credit, entry.credit)) end
end

local function first_scores(queue, index, paused, found)
  for i, score in ipairs(redis.call('ZMSCORE', queue_key(queue.name, index), unpack(open_types))) do
    local name = open_types[i]
    if score then
      queue.names[#queue.names + 1] = name
      if paused and string.find(paused, ' ' .. name .. ' ', 1, true) then
        queue.paused[#queue.paused + 1] = name
      elseif free[name] ~= 0 then
        found[name] = tonumber(score)
      end
    end
  end
end

-- Uses: limits

local function look_at(queue)
  queue.looked, queue.plain, queue.keyed, queue.lanes, queue.names, queue.paused = true, {}, {}, {}, {}, {}
  looked[#looked + 1] = queue
  local paused = read_limits(queue)
  local limits = queue.limits
  queue.closed = setting(queue.name, 'paused') == '1'
  if limits and (limits.concurrency or limits.rate) then
    queue.room = queue_room(queue)
  elseif parked_before and redis.call('ZSCORE', P .. 'parked', 'queue:' .. queue.name) then
    queue.closed = true
  end
  first_scores(queue, 'types', paused, queue.plain)
  first_scores(queue, 'keyed', paused, queue.keyed)
  if next(queue.keyed) and next(queue.plain) then queue.last_start = tonumber(redis.call('HGET', P .. 'served', queue.name .. '|') or nil) end
end

-- Whether the queue has a job that may start here.
local function in_turn(queue)
  if not queue.looked then look_at(queue) end
  if queue.closed then return false end
  local waits = next(queue.plain) or next(queue.keyed)
  if queue.room and queue.room.left <= 0 then queue.room.waits, queue.closed = waits ~= nil, true; return false end
  return waits ~= nil
end

local function credit_of(entry) return entry.credit + entry.weight * rounds end

-- What the star has saved is answered for one of its queues: the next claim may meet another number of them.
local function answer_credit(entry)
  local credit = entry == star and credit_of(entry) / math.max(1, entry.count) or credit_of(entry)
  if credit ~= 0 then answered[#answered + 1] = entry.name .. ' ' .. credit end
end

local function drop(i)
  answer_credit(entries[i])
  total = total - entries[i].weight
  table.remove(entries, i)
end

-- A queue leaves the star with its weight and its part of the credit.
local function leave_star()
  local credit = credit_of(star) * (star.count - 1) / star.count
  star.count, star.weight, total = star.count - 1, star.weight - everything_else, total - everything_else
  star.credit = credit - star.weight * rounds
  star.queue = nil
end

local function may_start(types_of)
  for _, name in ipairs(types_of) do if free[name] ~= 0 then return true end end
end

-- The next queue behind the star: first those that have had no turn in this claim.
local function next_in_line()
  if at > #waiting or waiting[at].place > horizon then
    if horizon < math.huge then read_lines() end
  end
  local found = waiting[at]
  if found then
    at = at + 1
    if may_start(found.types) then return new_queue(found.name, 0, 0) end
    -- It may stand in another line, too.
    seen[found.name] = nil
    return next_in_line()
  end
  found = had_turn[had_turn_at]
  had_turn_at = had_turn_at + 1
  return found
end

-- Whether a queue behind the star has a turn; it is then in `star.queue`.
local function star_in_turn()
  while star.count > 0 do
    star.queue = star.queue or next_in_line()
    if not star.queue then return false end
    if in_turn(star.queue) then return true end
    leave_star()
    looks = looks + 1
    if looks == LOOKED_AT_MOST then skipped = true; return false end
  end
end

-- The place whose turn it is, or nil when no queue has anything left for this worker.
local function next_turn()
  while #entries > 0 do
    local chosen, most = nil, -math.huge
    for i, entry in ipairs(entries) do
      local credit = entry.credit + entry.weight * (rounds + 1)
      if credit > most then chosen, most = i, credit end
    end
    local entry = entries[chosen]
    if entry == star and star_in_turn() then return chosen, star.queue end
    if entry ~= star and in_turn(entry) then return chosen, entry end
    drop(chosen)
  end
end

-- The queue whose turn it was has started so many jobs: each costs its place a round, as if they had come one by one.
local function end_turn(i, queue, starts)
  local entry = entries[i]
  rounds = rounds + starts
  entry.credit = entry.credit - total * starts
  if entry == star then
    queue.served = queue.served or starts > 0
    if in_turn(queue) then had_turn[#had_turn + 1] = queue; star.queue = nil else leave_star() end
  elseif not in_turn(queue) then
    drop(i)
  end
end

-- Behind flush(): what had a turn goes to the end of its lines, what is closed leaves them.
local function write_lines()
  local places, turns = {}, {}
  for _, queue in ipairs(looked) do
    for _, name in ipairs(queue.closed and queue.names or queue.paused) do close_type(queue.name, name) end
    if queue.served and not queue.closed then turns[#turns + 1] = queue end
  end
  if #turns == 0 then return end
  local turn = redis.call('INCRBY', P .. 'turn', #turns) - #turns
  for i, queue in ipairs(turns) do
    for _, name in ipairs(queue.names) do append(places, name, turn + i, queue.name) end
  end
  for name, list in pairs(places) do redis.call('ZADD', P .. 'ready:' .. name, 'XX', unpack(list)) end
end
