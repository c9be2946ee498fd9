-- The limits for the jobs of a queue: set for the queue, for its limit keys, and for fan-outs.
-- Uses: keys, queue_settings, rate_limits
local P

local function begin() P = keys.prefix end

-- Reads the limits of a queue into `queue`; returns its paused job types.
local function read(queue)
  local values = queue_settings.read(queue.name, 'limited', 'max_concurrency', 'rate_limit', 'key_max_concurrency',
    'key_rate_limit', 'paused_types')
  if values[4] then
    queue.limits = {
      concurrency = tonumber(values[5] or nil), rate = rate_limits.of(values[6]),
      key_concurrency = tonumber(values[7] or nil), key_rate = rate_limits.of(values[8]),
      overridden = values[4] == 'keys',
    }
  end
  return values[9]
end

-- Concurrency and rate of one limit key.
local function of_key(queue, key)
  local limits = queue.limits
  if not limits then return nil, nil end
  local concurrency, rate = limits.key_concurrency, limits.key_rate
  local own = limits.overridden and redis.call('HGET', keys.queue(queue.name, 'keys'), key)
  if own then
    local own_concurrency, own_rate = string.match(own, '^(.-)|(.*)$')
    if own_concurrency ~= 'default' then concurrency = tonumber(own_concurrency) end
    if own_rate == 'none' then rate = nil elseif own_rate ~= 'default' then rate = rate_limits.of(own_rate) end
  end
  return concurrency, rate
end

local function is_of_key(id) return string.byte(id) == 107 end

-- Concurrency and rate of a lane's limiter: its key or its fan-out.
local function of_lane(id, queue, lane)
  if is_of_key(id) then return of_key(queue, lane.limit_key) end
  return tonumber(redis.call('HGET', P .. 'limiters', id) or nil), nil
end

return {begin = begin, read = read, of_lane = of_lane}
