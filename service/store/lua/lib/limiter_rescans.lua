-- New settings of a queue, and the limiters that the old ones closed.
-- Loaded when it is first used.
-- Uses: keys, clock, batch
local P, now = keys.prefix, clock.now
-- Closed limiters that one call looks through; the rest follows with the next claim.
local SCANNED_AT_MOST = 1000

-- When a limiter may be looked at again although its settings have changed: a freeze lasts.
local function thaw_at(queue, short)
  local at = tonumber(redis.call('ZSCORE', keys.queue(queue, 'frozen'), short) or nil)
  return at and at > now and at or now
end

-- The settings of a queue have changed: limiters of its keys and types are due to be opened. Claims share that work.
local function rescan(queue)
  local again, mine = 'rescan:' .. queue, {['key:'] = 'key:' .. queue .. '|', ['type:'] = 'type:' .. queue .. '|'}
  local cursor = redis.call('HGET', P .. 'rescans', queue) or '0'
  local found = redis.call('ZSCAN', P .. 'parked', cursor, 'COUNT', SCANNED_AT_MOST)
  for i = 1, #found[2], 2 do
    local id = found[2][i]
    for kind, first in pairs(mine) do
      if string.sub(id, 1, #first) == first then
        redis.call('ZADD', P .. 'parked', 'XX', thaw_at(queue, kind .. string.sub(id, #first + 1)), id)
        local ref = redis.call('SRANDMEMBER', P .. 'parked:' .. id)
        if ref then batch.wake(string.match(ref, '^(.-)|(.-)|')) end
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

return {rescan = rescan}
