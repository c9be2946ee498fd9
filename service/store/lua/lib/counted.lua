-- Whether the namespace has quotas, so that what it stores is counted (quotas.lua).
-- Uses: keys
local known

local function begin() known = nil end

local function on()
  if known == nil then known = redis.call('EXISTS', keys.prefix .. 'quotas') == 1 end
  return known
end

return {begin = begin, on = on}
