-- Prelude of the scripts that create jobs or begin new runs: how long one may take, counted `from` then.
-- What was asked for stays in the job: each new run is given it anew.
local function time_limits(id, put, expires_ms, deadline_ms, from)
  local first
  for field, value in pairs({expires = expires_ms, deadline = deadline_ms}) do
    local ms = tonumber(value or nil)
    if ms then
      put(field .. '_ms', ms); put(field .. '_at', from + ms)
      first = math.min(first or math.huge, from + ms)
    end
  end
  if first then put('expiry', 1); append(added, P .. 'expiry', first, id) end
end

local function renew_time_limits(id, put, from)
  local limits = redis.call('HMGET', P .. 'job:' .. id, 'expires_ms', 'deadline_ms')
  time_limits(id, put, limits[1], limits[2], from)
end
