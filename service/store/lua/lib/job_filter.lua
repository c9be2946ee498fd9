-- Whether a job matches a filter.
-- Uses: keys, traits
local P

local function begin() P = keys.prefix end

-- values[first..]: state, queue, name, reason, group, lowest created_at, highest created_at (exclusive), "" = any;
-- number of tags, tags ("key:value"). Returns a predicate on ids, and the index behind the filter.
local function of(values, first)
  local state, queue, name = values[first], values[first + 1], values[first + 2]
  local reason, group = values[first + 3], values[first + 4]
  local low, high, tags = tonumber(values[first + 5]) or -math.huge, tonumber(values[first + 6]) or math.huge, {}
  for i = 1, tonumber(values[first + 7]) do tags[i] = '\0' .. values[first + 7 + i] .. '\0' end
  local function matches(id)
    local job = redis.call('HMGET', P .. 'job:' .. id, 'state', 'traits', 'state_reason', 'created_at', 'tags')
    local at = tonumber(job[4] or nil)
    if not job[1] or not at or at < low or at >= high or (state ~= '' and job[1] ~= state) then return false end
    local its = traits.of(job[2])
    if (queue ~= '' and its.queue ~= queue) or (name ~= '' and its.name ~= name) then return false end
    if (reason ~= '' and job[3] ~= reason) or (group ~= '' and its.group ~= group) then return false end
    for _, tag in ipairs(tags) do
      if not string.find('\0' .. (job[5] or '') .. '\0', tag, 1, true) then return false end
    end
    return true
  end
  return matches, first + 8 + #tags
end

return {begin = begin, of = of}
