-- The only code that writes the state of a bulk action, in action:<id>.
-- Uses: keys, clock
local P, now
local KEPT = 86400000
local ENDED = {succeeded = true, cancelled = true}

local function begin() P, now = keys.prefix, clock.now end

local function put_state(id, state)
  local key = P .. 'action:' .. id
  redis.call('HSET', key, 'state', state)
  if not ENDED[state] then return end
  redis.call('HSET', key, 'finished_at', now)
  redis.call('ZREM', P .. 'running_actions', id)
  redis.call('ZADD', P .. 'action_retention', now + KEPT, id)
end

return {begin = begin, put_state = put_state}
