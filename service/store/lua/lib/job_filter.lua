-- Whether a job matches a filter.
-- Uses: keys, traits
local P

local function begin() P = keys.prefix end

-- Whether the id, the name or the tags contain the text, or the job is dead of one of the causes.
local function search_of(text, causes)
  return function(id, name, tags, cause)
    if cause and causes[cause] then return true end
    return string.find(string.lower(id .. '\0' .. name .. '\0' .. (tags or '')), text, 1, true) ~= nil
  end
end

-- values[first..]: state, queue, name, reason, group, lowest created_at, highest created_at (exclusive), "" = any;
-- number of tags, tags ("key:value"); text to search for in lower case, "" = any; number of causes, their fingerprints.
-- Returns a predicate on ids, and the index behind the filter.
local function of(values, first)
  local state, queue, name = values[first], values[first + 1], values[first + 2]
  local reason, group = values[first + 3], values[first + 4]
  local low, high, tags = tonumber(values[first + 5]) or -math.huge, tonumber(values[first + 6]) or math.huge, {}
  for i = 1, tonumber(values[first + 7]) do tags[i] = '\0' .. values[first + 7 + i] .. '\0' end
  local last, causes = first + 9 + #tags, {}
  local text, number = values[last - 1], tonumber(values[last])
  for i = last + 1, last + number do causes[values[i]] = true end
  local mentioned = text ~= '' and search_of(text, causes)
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
    if not mentioned then return true end
    local cause = number > 0 and job[1] == 'dead' and redis.call('HGET', P .. 'job:' .. id, 'fingerprint')
    return mentioned(id, its.name, job[5], cause)
  end
  return matches, last + number + 1
end

return {begin = begin, of = of}
