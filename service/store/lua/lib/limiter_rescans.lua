-- Reopens limiters after the settings of their queue have changed.
-- Uses: keys, clock, batch
local P, now
-- How many closed limiters to scan per call; the next claim continues.
local SCANNED_AT_MOST = 1000

local function begin() P, now = keys.prefix, clock.now end

-- When to check a limiter again after its settings have changed: a freeze still applies.
local function thaw_at(queue, short)
  local at = tonumber(redis.call('ZSCORE', keys.queue(queue, 'frozen'), short) or nil)
  return at and at > now and at or now
end

-- Makes the closed limiters of the queue's keys and types due to open. Several claims share the work.
local function rescan(queue)
  local again, mine = 'rescan:' .. queue, {['key:'] = 'key:' .. queue .. '|', ['type:'] = 'type:' .. queue .. '|'}
  local cursor = redis.call('HGET', P .. 'rescans', queue) or '0'
  local found = redis.call('ZSCAN', P .. 'closed_limiters', cursor, 'COUNT', SCANNED_AT_MOST)
  for i = 1, #found[2], 2 do
    local id = found[2][i]
    for kind, first in pairs(mine) do
      if string.sub(id, 1, #first) == first then
        redis.call('ZADD', P .. 'closed_limiters', 'XX', thaw_at(queue, kind .. string.sub(id, #first + 1)), id)
        local ref = redis.call('SRANDMEMBER', P .. 'closed_lanes:' .. id)
        if ref then batch.wake(string.match(ref, '^(.-)|(.-)|')) end
      end
    end
  end
  if found[1] == '0' then
    redis.call('ZREM', P .. 'closed_limiters', again)
    redis.call('HDEL', P .. 'rescans', queue)
  else
    redis.call('ZADD', P .. 'closed_limiters', now, again)
    redis.call('HSET', P .. 'rescans', queue, found[1])
  end
end

return {begin = begin, rescan = rescan}
