-- Prelude of job_indexes.lua: the settings of queues, each read once, and the order that they give to jobs.
-- Strict order without aging: one point of priority outweighs any time (2^42 ms are 139 years).
local STRICT = 4398046511104
local settings = {}

-- What every script may ask of a queue, and whatever else of its hash is named.
local function read_settings(queue, ...)
  local values = redis.call('HMGET', P .. 'queue:' .. queue, 'aging_ms', 'max_depth', 'paused', ...)
  settings[queue] = {aging_ms = values[1], max_depth = values[2], paused = values[3]}
  return values
end

local function setting(queue, field)
  if not settings[queue] then read_settings(queue) end
  return settings[queue][field]
end

-- Lower runs first. FIFO inside a priority, because ties break by id and ids grow with time.
local function running_order(queue, priority, queued_at)
  local aging = setting(queue, 'aging_ms')
  if aging == 'strict' then aging = STRICT end
  return queued_at + priority * (aging or 60000)
end
