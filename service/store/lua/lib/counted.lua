-- Whether the namespace has quotas, so that what it stores is counted (quotas.lua).
-- Loaded when it is first used.
-- Uses: keys
local known

local function on()
  if known == nil then known = redis.call('EXISTS', keys.prefix .. 'quotas') == 1 end
  return known
end

return {on = on}
