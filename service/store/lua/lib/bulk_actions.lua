-- The only code that writes the state of a bulk action, in action:<id>.
-- Uses: keys, clock
local P, now = keys.prefix, clock.now
local KEPT = 86400000
local ENDED = {succeeded = true, cancelled = true}

local function put_state(id, state)
  local key = P .. 'action:' .. id
  redis.call('HSET', key, 'state', state)
  if not ENDED[state] then return end
  redis.call('HSET', key, 'finished_at', now)
  redis.call('ZREM', P .. 'running_actions', id)
  redis.call('ZADD', P .. 'action_retention', now + KEPT, id)
end

return {put_state = put_state}
