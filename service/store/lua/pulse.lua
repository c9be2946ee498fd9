-- Prelude of the scripts that prove that Redis was reachable. A missing pulse means that nobody was able to renew
-- anything: an outage, not dead workers. Then no lease is taken from its holder before one lease length has passed.
-- Whoever comes back first sets the pulse, so whoever sets it has to look.
local function pulse(lease)
  local alive = redis.call('EXISTS', P .. 'pulse')
  redis.call('SET', P .. 'pulse', now, 'PX', math.floor(lease / 2))
  if alive == 1 then return end
  local first = redis.call('ZRANGE', P .. 'leases', 0, 0, 'WITHSCORES')
  if first[2] and tonumber(first[2]) < now + lease / 4 then
    redis.call('SET', P .. 'hold_until', now + lease, 'PX', lease)
  end
end
