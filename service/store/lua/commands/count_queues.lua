#!lua flags=no-writes
-- Counts the jobs of some queues, a few numbers for each, so that the caller can choose the queues worth a closer look.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2..] at most 100 queues
-- Returns per queue 8 values: queued, scheduled, retrying, running, blocked, dead, 1 if it is paused, created_at of its
--   oldest queued job or -1
-- Uses: keys, queue_settings
local answer = {}
for i = 2, #ARGV do
  local queue = ARGV[i]
  for _, state in ipairs({'queued', 'scheduled', 'retrying', 'running', 'blocked', 'dead'}) do
    answer[#answer + 1] = redis.call('ZCARD', keys.queue(queue, state))
  end
  local _, oldest = keys.head(keys.queue(queue, 'queued'))
  answer[#answer + 1] = queue_settings.is_paused(queue) and 1 or 0
  answer[#answer + 1] = tonumber(oldest or -1)
end
return answer
