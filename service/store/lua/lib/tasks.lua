-- What is more than one script may do becomes a task in `tasks`, which any process carries on within a second.
-- Loaded when it is first used.
-- Uses: keys, wake_workers
local P = keys.prefix

local function add(task)
  redis.call('ZADD', P .. 'tasks', redis.call('HINCRBY', P .. 'counters', 'tasks', 1), task)
  -- Their heartbeats learn of the task at once; any of them that is alive carries it on.
  wake_workers.newest(5)
end

return {add = add}
