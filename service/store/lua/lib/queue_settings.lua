-- The settings of queues, read once per call, and the running order that they define.
-- Uses: keys
local P
-- Strict order without aging: one point of priority outweighs any time (2^42 ms are 139 years).
local STRICT = 4398046511104
local settings

local function begin() P, settings = keys.prefix, {} end

-- Reads the common settings of a queue, and the fields that the caller names: from the fourth value on.
local function read(queue, ...)
  local values = redis.call('HMGET', P .. 'queue:' .. queue, 'aging_ms', 'max_depth', 'paused', ...)
  settings[queue] = {aging_ms = values[1], max_depth = values[2], paused = values[3]}
  return values
end

local function get(queue, field)
  if not settings[queue] then read(queue) end
  return settings[queue][field]
end

local function is_paused(queue) return get(queue, 'paused') == '1' end

-- `paused_types` has a space before and after each type.
local function names_type(paused_types, name)
  return paused_types and string.find(paused_types, ' ' .. name .. ' ', 1, true) ~= nil
end

-- Lower runs first. FIFO within a priority, because ties break by id and ids grow with time.
local function running_order(queue, priority, queued_at)
  local aging = get(queue, 'aging_ms')
  if aging == 'strict' then aging = STRICT end
  return queued_at + priority * (aging or 60000)
end

-- Whether `more` additional jobs would exceed max_depth of the queue.
local function is_full(queue, more)
  local limit = tonumber(get(queue, 'max_depth') or nil)
  return limit and redis.call('ZCARD', keys.queue(queue, 'queued')) + more > limit
end

return {
  begin = begin, read = read, get = get, is_paused = is_paused, names_type = names_type, running_order = running_order,
  is_full = is_full,
}
