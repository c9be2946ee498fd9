#!lua flags=no-writes
-- Reads the rates of some queues, and since when their oldest jobs have been queued, in one call instead of dozens of
-- reads per queue.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] the first interval of the rates   ARGV[3] number of intervals
-- ARGV[4] how many jobs of a queue to check for the one that has been queued longest   ARGV[5..] at most 100 queues
-- Returns per queue 4 values: when its oldest job was queued or -1; jobs enqueued, finished and failed
-- Uses: keys, jobs
local P, first, answer = keys.prefix, tonumber(ARGV[2]), {}

local function queued_since(queue)
  local since
  for _, id in ipairs(redis.call('ZRANGE', keys.queue(queue, 'queued'), 0, ARGV[4] - 1)) do
    local job = redis.call('HMGET', P .. 'job:' .. id, 'queued_at', 'created_at')
    local at = jobs.queued_at(job[1], job[2])
    if at and (not since or at < since) then since = at end
  end
  return since or -1
end

for i = 5, #ARGV do
  local sums = {0, 0, 0}
  for interval = first, first + ARGV[3] - 1 do
    local key = keys.queue(ARGV[i], 'rates:' .. string.format('%.0f', interval))
    for n, count in ipairs(redis.call('HMGET', key, 'enqueued', 'finished', 'failed')) do
      sums[n] = sums[n] + (count or 0)
    end
  end
  for _, number in ipairs({queued_since(ARGV[i]), unpack(sums)}) do answer[#answer + 1] = number end
end
return answer
