-- What jobs leave behind that died or were cancelled: counts for the history, which no worker may know of.
-- Loaded when it is first used.
-- Uses: keys, clock
local P, now = keys.prefix, clock.now
-- In the order of COUNTED (service/domain/stats.py).
local COLUMN = {dead = 3, cancelled = 4}
-- Clients choose names, so a minute has a limited number of them; the others are counted together.
local FIELDS_AT_MOST, KEPT_MS = 10000, 900000

local function count(job, state)
  local key = P .. 'stats:' .. math.floor(now / 60000)
  local full = redis.call('HLEN', key) >= FIELDS_AT_MOST
  for kind, name in pairs({q = job.queue, t = job.name}) do
    local field = kind .. '|' .. (full and 'other' or name) .. '|' .. COLUMN[state]
    if redis.call('HINCRBY', key, field, 1) == 1 then redis.call('PEXPIRE', key, KEPT_MS) end
  end
end

return {count = count}
