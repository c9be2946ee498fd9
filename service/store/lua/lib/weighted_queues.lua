-- Prelude of claim.lua: which queues may give this worker something, and whose turn it is: smooth weighted round robin between the
-- queues that the worker names and one place for all behind the star, which take turns there (wildcard_queues.lua, docs/adr/0032).
-- Only queues in line for a type that the worker can start are met. One is looked at when its turn comes, not before; `plain` and
-- `keyed` then hold the first score of each of its job types, without a limit key and with one.
-- Asks for `types`, `free`, `slots`, `listed`, `named`, `everything_else`, `star_credit`, `jobs_in_a_turn` and `TURN_AT_MOST`.
local entries, looked, open_types, rounds, total, star = {}, {}, {}, 0, 0, nil

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

-- Uses: limiters

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

local function enter_round(entry)
  entries[#entries + 1] = entry
  total = total + entry.weight
end

-- Uses: wildcard_queues

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
  if everything_else and sum > 0 then line_up_star(sum, most) end
  -- What is beyond a turn comes from rounds with more queues than are left, and would keep a place waiting, or going first, for long.
  local most_credit = total * TURN_AT_MOST
  for _, entry in ipairs(entries) do entry.credit = math.max(-most_credit, math.min(most_credit, entry.credit)) end
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
