-- Stores a minute of the history in which nothing happened, without a process that packs it: nothing was counted, and
-- the depths of the queues are those for which the caller has packed such a minute.
-- Uses: keys, queue_samples
local P
local KEPT, FIVES_KEPT, FIVES_MINUTES = 14400, 10800, 180

local function begin() P = keys.prefix end

local function key_of(name, number) return P .. name .. ':' .. string.format('%.0f', number) end

-- The depths of the queues that have any, as the caller writes them; nil if a job finished, or for many queues.
local function depths(minute, at_most)
  if redis.call('ZCARD', P .. 'queues') > at_most then return nil end
  local lines = {}
  for _, queue in ipairs(redis.call('ZRANGE', P .. 'queues', 0, -1)) do
    local found = queue_samples.read(queue, minute)
    if table.remove(found) > 0 then return nil end
    local text = table.concat(found, ' ')
    if text ~= '0 0 0 0' then lines[#lines + 1] = queue .. ' ' .. text end
  end
  return table.concat(lines, '\n')
end

-- Whether an older hour waits to be packed.
local function hour_waits(minute)
  local hour = math.floor(minute / 60)
  return redis.call('EXISTS', key_of('stats_minutes', hour - 2), key_of('stats_minutes', hour - 3),
    key_of('stats_minutes', hour - 4)) > 0
end

-- Whether the four minutes before this one are the same: then so is the sum of all five.
local function five_is_like(minute, packed)
  local hour = key_of('stats_minutes', math.floor(minute / 60))
  local before = redis.call('HMGET', hour, minute - 4, minute - 3, minute - 2, minute - 1)
  for i = 1, 4 do
    if before[i] ~= packed then return false end
  end
  return true
end

local function store_five(first, packed)
  local fives = P .. 'stats_fives'
  for _, field in ipairs(redis.call('HKEYS', fives)) do
    if tonumber(field) <= first - FIVES_MINUTES then redis.call('HDEL', fives, field) end
  end
  redis.call('HSET', fives, first, packed)
  redis.call('EXPIRE', fives, FIVES_KEPT)
end

-- Stores the minute after the last one that is stored. `known` are depths, and `packed` is what a minute with them and
-- without any counts looks like. Returns whether it did.
local function store(minute, known, packed, at_most)
  if redis.call('EXISTS', key_of('stats', minute)) == 1 or hour_waits(minute) then return false end
  local is_five = minute % 5 == 4
  if is_five and not five_is_like(minute, packed) then return false end
  if depths(minute, at_most) ~= known then return false end
  local hour = key_of('stats_minutes', math.floor(minute / 60))
  redis.call('HSETNX', hour, string.format('%.0f', minute), packed)
  redis.call('EXPIRE', hour, KEPT)
  redis.call('SET', P .. 'stats_stored', string.format('%.0f', minute))
  if is_five then store_five(minute - 4, packed) end
  return true
end

return {begin = begin, store = store}
