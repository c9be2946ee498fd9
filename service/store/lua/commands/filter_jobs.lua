#!lua flags=no-writes
-- Filters the given jobs.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] limit on ids   ARGV[3..] filter (job_filter.lua)   ARGV[..] job ids
-- Returns {how many ids were checked, matching ids ...}
-- Uses: job_filter
local limit, answer = tonumber(ARGV[2]), {0}
local matches, first = job_filter.of(ARGV, 3)
for i = first, #ARGV do
  if #answer > limit then break end
  if matches(ARGV[i]) then answer[#answer + 1] = ARGV[i] end
  answer[1] = answer[1] + 1
end
return answer
