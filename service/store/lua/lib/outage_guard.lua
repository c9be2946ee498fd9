-- Protects leases from being rescued right after an outage of Redis. During an outage live workers cannot renew their
-- leases, so they look like dead ones; only the contacts of all processes tell them apart. `reachability` holds since
-- when some process has reached Redis without a gap, and when one last did. A process that returns after trying
-- throughout the gap proves an outage: then no lease is rescued for one lease length after it. Without such a
-- process, the gap may only mean that none was alive: then leases are protected for a moment, in which survivors of an
-- outage return. A lease that was protected once and not renewed since is not protected again; otherwise a worker that
-- starts and dies over and over would delay its own rescue (docs/adr/0027).
-- Uses: keys, clock, deletion
local P, now
local COME_BACK = 3000

local function begin() P, now = keys.prefix, clock.now end

-- Leases that expire after the first time are protected until the second.
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

-- Records that a process reached Redis, after failing for `unreachable_ms` before this call.
local function note_reachable(lease, unreachable_ms)
  if deletion.is_deleted() then return end
  local since, last = string.match(redis.call('GET', P .. 'reachability') or '', '^(%d+) (%d+)$')
  since, last = tonumber(since) or now, tonumber(last)
  local gap = not last or now - last > lease / 2
  if gap then since = now end
  redis.call('SET', P .. 'reachability', string.format('%.0f %.0f', since, now), 'PX', 86400000)
  local first = tonumber(redis.call('ZRANGE', P .. 'leases', 0, 0, 'WITHSCORES')[2])
  if not first then return end
  if unreachable_ms > 0 and since >= now - unreachable_ms then
    if first < since + lease then hold(since + lease) end
  elseif gap and first < now + lease / 4 then
    local _, till = held()
    if till <= now then hold(now + math.min(lease, COME_BACK)) end
  end
end

return {begin = begin, held = held, note_reachable = note_reachable}
