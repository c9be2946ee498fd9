#!lua flags=no-writes
-- Finds the ids of jobs that match a filter, newest first, merged from any number of sets that are scored by creation
-- time. It reads no more of a set than the merge needs, and checks no more jobs than the caller allows.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] limit on ids   ARGV[3] limit on jobs to check   ARGV[4] created_at of the cursor
-- ARGV[5] id of the cursor ("" = from the start)   ARGV[6] "1" = every job in the sets matches
-- ARGV[7..] filter (job_filter.lua), in which ARGV[12] is the lowest created_at, and ARGV[13] the highest, exclusive
-- ARGV[..] set keys without the prefix
-- Returns {1 if the sets are exhausted, created_at and id of the last job checked, then id, created_at, ...}
-- Uses: keys, job_filter
local limit, budget, at, after = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local all_match = ARGV[6] == '1'
local matches, first = job_filter.of(ARGV, 7)
local low, high = tonumber(ARGV[12]) or -math.huge, ARGV[13]
local portion = math.max(1, math.min(limit, math.ceil(limit / math.max(1, #ARGV - first + 1))))
local heap = {}

local function newer(a, b) return a.at > b.at or (a.at == b.at and a.id > b.id) end

local function sink(i)
  local size = #heap
  while true do
    local best, left = i, 2 * i
    if left <= size and newer(heap[left], heap[best]) then best = left end
    if left < size and newer(heap[left + 1], heap[best]) then best = left + 1 end
    if best == i then return end
    heap[i], heap[best] = heap[best], heap[i]
    i = best
  end
end

-- Goes to the next job of a set; false if there is none.
local function advance(set)
  if set.place > #set.rows then
    if set.last then return false end
    set.rows = redis.call('ZREVRANGE', set.key, set.rank, set.rank + set.portion - 1, 'WITHSCORES')
    set.place, set.last = 1, #set.rows < 2 * set.portion
    set.rank, set.portion = set.rank + set.portion, 50
    if #set.rows == 0 then return false end
  end
  set.id, set.at = set.rows[set.place], tonumber(set.rows[set.place + 1])
  set.place = set.place + 2
  return set.at >= low
end

-- How many jobs of a set are newer than the page.
local function rank_in(key)
  if after ~= '' then return redis.call('ZCOUNT', key, '(' .. ARGV[4], '+inf') end
  return high ~= '' and redis.call('ZCOUNT', key, high, '+inf') or 0
end

for i = first, #ARGV do
  local key = keys.prefix .. ARGV[i]
  local set = {key = key, rank = rank_in(key), portion = portion, rows = {}, place = 1, last = false}
  local more = advance(set)
  while more and after ~= '' and set.at == at and set.id >= after do more = advance(set) end
  if more then heap[#heap + 1] = set end
end
for i = math.floor(#heap / 2), 1, -1 do sink(i) end

local answer, looked, last_at, last_id = {}, 0, ARGV[4], after
while #heap > 0 and #answer < 2 * limit and looked < budget do
  local set = heap[1]
  last_at, last_id, looked = string.format('%.0f', set.at), set.id, looked + 1
  if all_match or matches(set.id) then
    answer[#answer + 1] = set.id
    answer[#answer + 1] = last_at
  end
  if not advance(set) then
    heap[1] = heap[#heap]
    heap[#heap] = nil
  end
  sink(1)
end
return {#heap == 0 and 1 or 0, last_at, last_id, unpack(answer)}
