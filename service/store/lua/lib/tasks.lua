-- Work that is too large for one script becomes a task in `tasks`, which any process picks up within a second.
-- Uses: keys, wake_workers
local P

local function begin() P = keys.prefix end

local function add(task)
  redis.call('ZADD', P .. 'tasks', redis.call('HINCRBY', P .. 'counters', 'tasks', 1), task)
  -- Their heartbeats see the task at once, and any live worker among them picks it up.
  wake_workers.newest(5)
end

return {begin = begin, add = add}
