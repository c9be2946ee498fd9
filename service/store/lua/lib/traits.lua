-- The traits of a job are what it shares with many others: one text in its record, which a call parses once. It holds
-- the FIELDS in order, separated by bars, without trailing ones; "" = the default, or none (docs/adr/0037).
local FIELDS = {'queue', 'name', 'limit_key', 'priority', 'retention_ms', 'group'}
local DEFAULT_PRIORITY, DEFAULT_RETENTION_MS = '100', '86400000'
local PATTERN = '^([^|]*)|([^|]*)|?([^|]*)|?([^|]*)|?([^|]*)|?([^|]*)$'
local known

local function begin() known = {} end

local function given(value, default)
  if value ~= '' then return value end
  return default
end

-- The traits in a text. lanes.lua caches the lane and the limiters of all jobs with these traits in them.
local function of(text)
  local found = known[text]
  if not found then
    local queue, name, limit_key, priority, retention_ms, group = string.match(text, PATTERN)
    found = {
      text = text, queue = queue, name = name, limit_key = given(limit_key), group = given(group),
      priority = tonumber(given(priority, DEFAULT_PRIORITY)), retention_ms = given(retention_ms, DEFAULT_RETENTION_MS),
      lane_key = nil, limiters = nil,
    }
    known[text] = found
  end
  return found
end

-- The same traits with one other value.
local function with(traits, field, value)
  local values = {string.match(traits.text, PATTERN)}
  for i, name in ipairs(FIELDS) do
    if name == field then values[i] = value end
  end
  return of((string.gsub(table.concat(values, '|'), '|+$', '')))
end

return {begin = begin, of = of, with = with}
