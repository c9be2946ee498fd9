#!lua flags=no-writes
-- Reads jobs as a list shows them: without large values, and no more jobs than fit into a page.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] largest value to return (bytes)   ARGV[3] the page ends after this many bytes of
--   values
-- ARGV[4..] job ids
-- Returns per job {HGETALL without large values, their names ("payload result"), the payload that it shares or ""}; {}
--   for one that does not exist
-- Uses: keys, traits, texts
local P, largest, left, answer = keys.prefix, tonumber(ARGV[2]), tonumber(ARGV[3]), {}
local VALUES = {'payload', 'result', 'error', 'progress'}

-- The names of the values that are too large, and the total size of the others.
local function measure(key, common)
  local cut, size = {}, 0
  for _, name in ipairs(VALUES) do
    local bytes = texts.size(key, name)
    if name == 'payload' and common then bytes = bytes + redis.call('HSTRLEN', common, 'json') end
    if bytes > largest then
      cut[#cut + 1] = name
      cut[name] = true
    else
      size = size + bytes
    end
  end
  return cut, size
end

local function read(key, cut)
  if #cut == 0 then return redis.call('HGETALL', key) end
  local fields = {}
  for _, name in ipairs(redis.call('HKEYS', key)) do
    if not cut[name] then
      fields[#fields + 1] = name
      fields[#fields + 1] = redis.call('HGET', key, name)
    end
  end
  return fields
end

for i = 4, #ARGV do
  if left <= 0 then break end
  local key, row = P .. 'job:' .. ARGV[i], {}
  local facts = redis.call('HMGET', key, 'state', 'shared', 'traits')
  local common = facts[2] and P .. 'payload:' .. traits.of(facts[3]).group
  local cut, size = measure(key, common)
  if facts[1] then
    local shared = common and not cut.payload and redis.call('HGET', common, 'json') or ''
    row = {read(key, cut), table.concat(cut, ' '), shared}
  end
  left = left - size
  answer[#answer + 1] = row
end
return answer
