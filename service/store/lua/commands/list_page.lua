#!lua flags=no-writes
-- Lists one page of job ids, newest first, merged from any number of sets that are scored by creation time.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] limit on ids   ARGV[3] created_at of the cursor
-- ARGV[4] id of the cursor ("" = from the start)   ARGV[5] lowest created_at   ARGV[6] highest created_at
-- ARGV[7..] set keys without the prefix
-- Returns flat {id, created_at, ...}
-- Uses: keys
local limit, after, found, answer = tonumber(ARGV[2]), ARGV[4], {}, {}
local top = after ~= '' and ARGV[3] or ARGV[6]
local older = after ~= '' and '(' .. top or top
for i = 7, #ARGV do
  local key = keys.prefix .. ARGV[i]
  if after ~= '' then
    for _, id in ipairs(redis.call('ZREVRANGEBYSCORE', key, top, top)) do
      if id < after then found[#found + 1] = {id, tonumber(top)} end
    end
  end
  local raw = redis.call('ZREVRANGEBYSCORE', key, older, ARGV[5], 'WITHSCORES', 'LIMIT', 0, limit)
  for j = 1, #raw, 2 do found[#found + 1] = {raw[j], tonumber(raw[j + 1])} end
end
table.sort(found, function(a, b)
  if a[2] ~= b[2] then return a[2] > b[2] end
  return a[1] > b[1]
end)
for i = 1, math.min(limit, #found) do
  answer[#answer + 1] = found[i][1]
  answer[#answer + 1] = found[i][2]
end
return answer
