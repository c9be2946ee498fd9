-- The lines in which queues stand for a job type, ready:<type>, and in `ready` how many stand in each.
-- Loaded when it is first used.
-- Uses: keys
local P, queue_key = keys.prefix, keys.queue

local function count_line(name)
  local count = redis.call('ZCARD', P .. 'ready:' .. name)
  if count > 0 then redis.call('ZADD', P .. 'ready', count, name) else redis.call('ZREM', P .. 'ready', name) end
end

-- Puts a queue at the end of the line of a job type of which it has open lanes, and takes it out when it has none.
local function follow(queue, name)
  local line = P .. 'ready:' .. name
  local open = redis.call('ZSCORE', queue_key(queue, 'types'), name)
    or redis.call('ZSCORE', queue_key(queue, 'keyed'), name)
  if open then
    if redis.call('ZSCORE', line, queue) then return end
    redis.call('ZADD', line, redis.call('INCR', P .. 'turn'), queue)
  elseif redis.call('ZREM', line, queue) == 0 then
    return
  end
  count_line(name)
end

-- A queue that may not start a job of a type now leaves its line until closed_limiters.reopen().
local function close(queue, name)
  if redis.call('ZREM', P .. 'ready:' .. name, queue) == 0 then return end
  redis.call('SADD', queue_key(queue, 'closed'), name)
  count_line(name)
end

return {follow = follow, close = close}
