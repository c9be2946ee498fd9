-- Prelude of claim.lua: which queues may give this worker something, and whose turn it is: smooth weighted round robin.
-- A queue is looked at when its turn comes, not before; `plain` and `keyed` then hold the first score of each of its job
-- types, without a limit key and with one.
-- Asks for `types`, `free`, `listed` and `everything_else`, and leaves in `queues` those that are still in turn.
local queues, weights, credits = {}, {}, {}
-- A round adds its weight to the credit of each queue: kept as one number for all instead of one addition for each.
local rounds, total = 0, 0

local function line_up()
  local seen = {}
  for _, set in ipairs({'ready', 'ready_keyed'}) do
    for _, name in ipairs(redis.call('SMEMBERS', P .. set)) do
      local queue = seen[name]
      if not queue then
        queue = listed[name] or (everything_else and new_queue(name, everything_else, 0))
        if queue then
          seen[name] = queue
          local i = #queues + 1
          queues[i], weights[i], credits[i], total = queue, queue.weight, queue.credit, total + queue.weight
        end
      end
      if queue then queue[set] = true end
    end
  end
end

local function first_scores(queue, index, paused, found)
  for i, score in ipairs(redis.call('ZMSCORE', queue_key(queue.name, index), unpack(types))) do
    if score and free[types[i]] ~= 0 and not (paused and string.find(paused, ' ' .. types[i] .. ' ', 1, true)) then found[types[i]] = tonumber(score) end
  end
end

-- Uses: limits

local function look_at(queue)
  queue.looked, queue.plain, queue.keyed, queue.lanes = true, {}, {}, {}
  local paused = read_limits(queue)
  if setting(queue.name, 'paused') == '1' then return end
  local limits = queue.limits
  if limits and (limits.concurrency or limits.rate) then queue.room = queue_room(queue) end
  if queue.ready then first_scores(queue, 'types', paused, queue.plain) end
  if queue.ready_keyed then
    first_scores(queue, 'keyed', paused, queue.keyed)
    if next(queue.keyed) and next(queue.plain) then queue.last_start = tonumber(redis.call('HGET', P .. 'served', queue.name .. '|') or nil) end
  end
end

-- Whether the queue has a job that may start here.
local function in_turn(queue)
  if not queue.looked then look_at(queue) end
  local waits = next(queue.plain) or next(queue.keyed)
  if queue.room and queue.room.left <= 0 then queue.room.waits = waits ~= nil; return false end
  return waits ~= nil
end

-- Of more queues than that the credit is forgotten.
local REMEMBERED = 500

local function answer_credit(queue, credit)
  if #answered < REMEMBERED and credit ~= 0 then answered[#answered + 1] = queue.name .. ' ' .. credit end
end

local function credit_of(i) return credits[i] + weights[i] * rounds end

local function drop(i)
  answer_credit(queues[i], credit_of(i))
  total = total - weights[i]
  table.remove(queues, i); table.remove(weights, i); table.remove(credits, i)
end

-- The place of the queue whose turn it is, or nil when no queue has anything left for this worker.
local function next_turn()
  while #queues > 0 do
    local chosen, most, round = nil, -math.huge, rounds + 1
    for i = 1, #queues do
      local credit = credits[i] + weights[i] * round
      if credit > most then chosen, most = i, credit end
    end
    if in_turn(queues[chosen]) then return chosen end
    drop(chosen)
  end
end

-- The queue at this place has started so many jobs: each costs it a round, as if they had come one by one.
local function end_turn(i, starts)
  rounds = rounds + starts
  credits[i] = credits[i] - total * starts
  if not in_turn(queues[i]) then drop(i) end
end
