-- Keeps leases from being rescued right after an outage of Redis. A worker that cannot reach Redis cannot renew its
-- leases; one that is dead does not either. What tells them apart is who else was there: `pulse` holds since when some
-- process reached Redis without a gap, and when one did last. Leases are held, so that no rescue takes them, for one
-- lease from the end of an outage: a process comes back that tried all through the gap. Where none says so, the gap
-- may only mean that no process was alive: then for a moment, in which survivors of an outage come back. What was held
-- once and not renewed since is not held again: a worker that starts and dies over and over would hold off its own
-- rescue (docs/adr/0027).
-- Uses: keys, clock
local P, now = keys.prefix, clock.now
local COME_BACK = 3000

-- Leases that end after the first time are held until the second.
local function held()
  local after, till = string.match(redis.call('GET', P .. 'held_leases') or '', '^(%d+) (%d+)$')
  return tonumber(after) or 0, tonumber(till) or 0
end

local function hold(till)
  local after, before = held()
  if before >= till then return end
  if before <= now then after = before end
  redis.call('SET', P .. 'held_leases', string.format('%.0f %.0f', after, till), 'PX', 86400000)
end

-- A process has reached Redis. `away` = for how long (ms) it had tried in vain before this call.
local function pulse(lease, away)
  local since, last = string.match(redis.call('GET', P .. 'pulse') or '', '^(%d+) (%d+)$')
  since, last = tonumber(since) or now, tonumber(last)
  local gap = not last or now - last > lease / 2
  if gap then since = now end
  redis.call('SET', P .. 'pulse', string.format('%.0f %.0f', since, now), 'PX', 86400000)
  local first = tonumber(redis.call('ZRANGE', P .. 'leases', 0, 0, 'WITHSCORES')[2])
  if not first then return end
  if away > 0 and since >= now - away then
    if first < since + lease then hold(since + lease) end
  elseif gap and first < now + lease / 4 then
    local _, till = held()
    if till <= now then hold(now + math.min(lease, COME_BACK)) end
  end
end

return {held = held, pulse = pulse}
