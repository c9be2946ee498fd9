#!lua flags=no-writes
-- Jobs as a list shows them: without values that are too large, and no more of them than fit into a page.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] bytes of a value at most   ARGV[3] bytes of all values after which the page ends   ARGV[4..] job ids
-- Returns per job {HGETALL without large values, their names ("payload result"), the payload that it shares or ""}; {} for one that
--   does not exist
local P, largest, left, answer = KEYS[1], tonumber(ARGV[2]), tonumber(ARGV[3]), {}
local VALUES = {'payload', 'result', 'error', 'progress'}
for i = 4, #ARGV do
  if left <= 0 then break end
  local key, cut, size, shared = P .. 'job:' .. ARGV[i], {}, 0, ''
  local facts, sizes = redis.call('HMGET', key, 'state', 'shared', 'group'), {}
  for _, name in ipairs(VALUES) do sizes[name] = redis.call('HSTRLEN', key, name) end
  local common = facts[2] and P .. 'payload:' .. facts[3]
  if common then sizes.payload = sizes.payload + redis.call('HSTRLEN', common, 'json') end
  for _, name in ipairs(VALUES) do
    if sizes[name] > largest then cut[#cut + 1] = name else size = size + sizes[name] end
  end
  local row = {}
  if facts[1] then
    local fields
    if #cut == 0 then
      fields = redis.call('HGETALL', key)
    else
      fields = {}
      local gone = {}
      for _, name in ipairs(cut) do gone[name] = true end
      for _, name in ipairs(redis.call('HKEYS', key)) do
        if not gone[name] then
          fields[#fields + 1] = name
          fields[#fields + 1] = redis.call('HGET', key, name)
        end
      end
    end
    if common and sizes.payload <= largest then shared = redis.call('HGET', common, 'json') or '' end
    row = {fields, table.concat(cut, ' '), shared}
  end
  left = left - size
  answer[#answer + 1] = row
end
return answer
