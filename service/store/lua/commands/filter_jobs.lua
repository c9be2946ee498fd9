#!lua flags=no-writes
-- Which of these jobs match a filter.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] ids at most   ARGV[3..] filter, see job_filter.lua   ARGV[..] job ids
-- Returns {how many ids were looked at, ids ...}
-- Uses: job_filter
local limit, answer = tonumber(ARGV[2]), {0}
local matches, first = job_filter.of(ARGV, 3)
for i = first, #ARGV do
  if #answer > limit then break end
  if matches(ARGV[i]) then answer[#answer + 1] = ARGV[i] end
  answer[1] = answer[1] + 1
end
return answer
