#!lua flags=no-writes
-- Reads what the history needs of some queues: their depths now, and the jobs that finished in a minute.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] minute   ARGV[3..] at most 100 queues
-- Returns per queue 5 values: queued, scheduled or retrying, running, dead, and how many jobs finished
-- Uses: keys
local answer, first = {}, ARGV[2] * 6
for i = 3, #ARGV do
  local sizes, finished = {}, 0
  for n, state in ipairs({'queued', 'scheduled', 'retrying', 'running', 'dead'}) do
    sizes[n] = redis.call('ZCARD', keys.queue(ARGV[i], state))
  end
  for interval = first, first + 5 do
    local rates = keys.queue(ARGV[i], 'rates:' .. string.format('%.0f', interval))
    finished = finished + (redis.call('HGET', rates, 'finished') or 0)
  end
  for _, number in ipairs({sizes[1], sizes[2] + sizes[3], sizes[4], sizes[5], finished}) do
    answer[#answer + 1] = number
  end
end
return answer
