-- What an audit command finds. A finding with a `fix` is repaired at once, by the call that has found it: nothing can
-- change in between.
-- Uses: keys
local P, repairs, found, work
-- Findings per call, which limits the reply; the next cycle finds the rest.
local AT_MOST = 2000
-- Dependencies of jobs that a call checks before it leaves further jobs to the next one.
local ENOUGH = 500

local function begin() P, repairs, found, work = keys.prefix, false, {}, 0 end

-- Notes work beyond the usual.
local function spend(count) work = work + count end
local function has_spent_enough() return work >= ENOUGH end

-- `repair` is "1" if this call repairs what it can.
local function start(repair) repairs = repair == '1' end

-- Notes a finding about `key`, a Redis key with its prefix, and the job or group `id`, '' = none. Without `fix`, what
-- would be right is not certain.
local function note(kind, key, id, detail, fix)
  if #found >= AT_MOST then return end
  if fix and repairs then fix() end
  local outcome = (not fix and 'reported') or (repairs and 'repaired') or 'repairable'
  found[#found + 1] = {kind, outcome, string.sub(key, #P + 1), id, detail}
end

-- Adds what is missing although nothing was damaged.
local function complete(add)
  if repairs then add() end
end

-- Removes an entry of a sorted set.
local function remove(key, member)
  return function() redis.call('ZREM', key, member) end
end

local function add(key, score, member)
  return function() redis.call('ZADD', key, score, member) end
end

local function all() return found end

return {
  begin = begin, start = start, note = note, complete = complete, remove = remove, add = add, all = all, spend = spend,
  has_spent_enough = has_spent_enough,
}
