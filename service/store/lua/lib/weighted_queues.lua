-- Smooth weighted round robin over the queues that the worker names, plus one entry for all queues behind the star
-- (wildcard_queues.lua, docs/adr/0032). Only queues in the line of a type that the worker can start take part.
-- claims.lua describes `claim`.
-- Uses: keys, claimed_queues, wildcard_queues
local P
local may_start = claimed_queues.may_start
-- The entries that take part, their total weight, and how many starts there have been.
local entries, total, rounds, star

local function begin() P, entries, total, rounds, star = keys.prefix, {}, 0, 0, nil end

local function credit_of(entry) return entry.credit + entry.weight * rounds end

-- Returns the star's credit per queue, because the next claim may find another number of queues.
local function keep_credit(claim, entry)
  local credit = credit_of(entry)
  if entry == star then credit = credit / math.max(1, entry.count) end
  if credit ~= 0 then claim.credits[#claim.credits + 1] = entry.name .. ' ' .. credit end
end

local function drop(claim, i)
  keep_credit(claim, entries[i])
  total = total - entries[i].weight
  table.remove(entries, i)
end

local function add(entry)
  entries[#entries + 1] = entry
  total = total + entry.weight
end

-- Notes which queues wait for a job type; returns how many of them the worker does not name.
local function read_line(claim, name, count)
  local named = claim.named
  claim.open_types[#claim.open_types + 1] = name
  for i, place in ipairs(#named > 0 and redis.call('ZMSCORE', P .. 'ready:' .. name, unpack(named)) or {}) do
    if place then claim.listed[named[i]].waits, count = true, count - 1 end
  end
  if count > 0 then wildcard_queues.add_line(name) end
  return count
end

local function line_up(claim)
  local sum, most = 0, 0
  for i, count in ipairs(redis.call('ZMSCORE', P .. 'ready', unpack(claim.types))) do
    local name = claim.types[i]
    if count and claim.free[name] ~= 0 then
      count = read_line(claim, name, tonumber(count))
      sum, most = sum + count, math.max(most, count)
    end
  end
  for _, name in ipairs(claim.named) do
    if claim.listed[name].waits then add(claim.listed[name]) end
  end
  if claim.star_weight and sum > 0 then
    star = wildcard_queues.new_star(claim, sum, most)
    add(star)
  end
  -- Credit beyond one turn comes from rounds with more queues than are left. It would make an entry wait, or go first,
  -- for too long.
  local bound = total * claim.TURN_AT_MOST
  for _, entry in ipairs(entries) do entry.credit = math.max(-bound, math.min(bound, entry.credit)) end
end

-- A queue leaves the star with its weight and its share of the credit.
local function shrink_star(claim)
  local credit = credit_of(star) * (star.count - 1) / star.count
  star.count, star.weight, total = star.count - 1, star.weight - claim.star_weight, total - claim.star_weight
  star.credit = credit - star.weight * rounds
  star.queue = nil
end

-- The entry whose turn it is, and its queue; nil if no queue has a job for this worker.
local function next_turn(claim)
  while #entries > 0 do
    local chosen, most = nil, -math.huge
    for i, entry in ipairs(entries) do
      local credit = entry.credit + entry.weight * (rounds + 1)
      if credit > most then chosen, most = i, credit end
    end
    local entry = entries[chosen]
    if entry == star then
      if wildcard_queues.may_start(claim, star, shrink_star) then return chosen, star.queue end
    elseif may_start(claim, entry) then
      return chosen, entry
    end
    drop(claim, chosen)
  end
end

-- Ends the turn of a queue that started so many jobs: each start costs a round, as if the jobs had started one by one.
local function end_turn(claim, i, queue, starts)
  local entry = entries[i]
  rounds = rounds + starts
  entry.credit = entry.credit - total * starts
  if entry ~= star then
    if not may_start(claim, entry) then drop(claim, i) end
    return
  end
  queue.served = queue.served or starts > 0
  if may_start(claim, queue) then wildcard_queues.put_back(star) else shrink_star(claim) end
end

-- At the end of the claim: returns the credits of the remaining entries.
local function keep_credits(claim)
  for _, entry in ipairs(entries) do keep_credit(claim, entry) end
end

-- Call it after the write.
local function write_lines(claim) wildcard_queues.write(claim, star) end

return {
  begin = begin, line_up = line_up, next_turn = next_turn, end_turn = end_turn, keep_credits = keep_credits,
  write_lines = write_lines,
}
