-- Prelude of closed_limiters.lua: new settings of a queue, and the limiters that the old ones closed.
local rescan
do
  -- Closed limiters that one call looks through; the rest follows with the next claim.
  local SCANNED_AT_MOST = 1000

  -- When a limiter may be looked at again although its settings have changed: a freeze goes on.
  local function thaw_at(queue, short)
    local at = tonumber(redis.call('ZSCORE', queue_key(queue, 'frozen'), short) or nil)
    return at and at > now and at or now
  end

  -- The settings of a queue have changed: limiters of its keys and types are due to be opened, by the claims, which share that work.
  function rescan(queue)
    local again, mine = 'rescan:' .. queue, {['key:'] = 'key:' .. queue .. '|', ['type:'] = 'type:' .. queue .. '|'}
    local found = redis.call('ZSCAN', P .. 'parked', redis.call('HGET', P .. 'rescans', queue) or '0', 'COUNT', SCANNED_AT_MOST)
    for i = 1, #found[2], 2 do
      local id = found[2][i]
      for kind, first in pairs(mine) do
        if string.sub(id, 1, #first) == first then
          redis.call('ZADD', P .. 'parked', 'XX', thaw_at(queue, kind .. string.sub(id, #first + 1)), id)
          local ref = redis.call('SRANDMEMBER', P .. 'parked:' .. id)
          if ref then wake_for(string.match(ref, '^(.-)|(.-)|')) end
        end
      end
    end
    if found[1] == '0' then
      redis.call('ZREM', P .. 'parked', again)
      redis.call('HDEL', P .. 'rescans', queue)
    else
      redis.call('ZADD', P .. 'parked', now, again)
      redis.call('HSET', P .. 'rescans', queue, found[1])
    end
  end
end
