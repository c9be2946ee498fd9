#!lua flags=no-writes
-- Count what is in some queues, few numbers for each: to choose those that are worth more.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2..] queues, 100 at most
-- Returns per queue 8 values: queued, scheduled, retrying, running, blocked, dead, 1 if it is paused, created_at of its oldest queued job or -1
local P, answer = KEYS[1], {}
for i = 2, #ARGV do
  local key = P .. 'queue:' .. ARGV[i]
  for _, state in ipairs({'queued', 'scheduled', 'retrying', 'running', 'blocked', 'dead'}) do
    answer[#answer + 1] = redis.call('ZCARD', key .. '|' .. state)
  end
  answer[#answer + 1] = redis.call('HGET', key, 'paused') == '1' and 1 or 0
  answer[#answer + 1] = tonumber(redis.call('ZRANGE', key .. '|queued', 0, 0, 'WITHSCORES')[2] or -1)
end
return answer
