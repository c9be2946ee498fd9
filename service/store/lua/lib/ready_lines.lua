-- The lines ready:<type>, in which queues wait for a job type; `ready` holds their lengths.
-- Uses: keys
local P
local queue_key = keys.queue

local function begin() P = keys.prefix end

local function count_line(name)
  local count = redis.call('ZCARD', P .. 'ready:' .. name)
  if count > 0 then redis.call('ZADD', P .. 'ready', count, name) else redis.call('ZREM', P .. 'ready', name) end
end

-- Adds a queue with open lanes of a job type to the end of its line, and removes a queue without any.
local function follow(queue, name)
  local line = P .. 'ready:' .. name
  local open = redis.call('ZSCORE', queue_key(queue, 'types'), name)
    or redis.call('ZSCORE', queue_key(queue, 'keyed'), name)
  if open then
    if redis.call('ZSCORE', line, queue) then return end
    redis.call('ZADD', line, redis.call('INCR', P .. 'ready_position'), queue)
  elseif redis.call('ZREM', line, queue) == 0 then
    return
  end
  count_line(name)
end

-- Removes a queue that may not start jobs of a type now, until closed_limiters.reopen().
local function close(queue, name)
  if redis.call('ZREM', P .. 'ready:' .. name, queue) == 0 then return end
  redis.call('SADD', queue_key(queue, 'closed'), name)
  count_line(name)
end

return {begin = begin, follow = follow, close = close}
