#!lua flags=no-writes
-- Reads what the history needs of some queues: their depths now, and the jobs that finished in a minute.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] minute   ARGV[3..] at most 100 queues
-- Returns per queue 5 values: queued, scheduled or retrying, running, dead, and how many jobs finished
-- Uses: queue_samples
local answer = {}
for i = 3, #ARGV do
  for _, number in ipairs(queue_samples.read(ARGV[i], tonumber(ARGV[2]))) do answer[#answer + 1] = number end
end
return answer
