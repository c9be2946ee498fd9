#!lua
-- Write jobs of a flow that nobody can see yet: without a state they do not exist. commit_flow.lua makes them visible; what is never
-- admitted is deleted by discard.lua.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] group id   ARGV[3..] per job 14 values: id, its key in the group, name, queue, limit_key, priority,
--   delay_ms, run_at, expires_ms, deadline_ms, retention_ms, payload, options (JSON), tags ("key:value" joined by \0); "" = absent
-- Returns 1
-- Uses: job_indexes
local WIDTH, group = 14, ARGV[2]
redis.call('ZADD', P .. 'staged', 'NX', now, group)
for i = 3, #ARGV, WIDTH do
  local id = ARGV[i]
  local fields = {'v', 1, 'version', 1, 'group', group, 'key', ARGV[i + 1], 'name', ARGV[i + 2], 'queue', ARGV[i + 3], 'priority', ARGV[i + 5],
    'delay_ms', ARGV[i + 6], 'retention_ms', ARGV[i + 10], 'payload', ARGV[i + 11], 'options', ARGV[i + 12], 'created_at', now, 'run_at', now}
  local function put(field, value) fields[#fields + 1] = field; fields[#fields + 1] = value end
  if ARGV[i + 4] ~= '' then put('limit_key', ARGV[i + 4]) end
  if ARGV[i + 7] ~= '' then put('due_at', ARGV[i + 7]) end
  -- Not yet among those that may expire: that comes with the job.
  if ARGV[i + 8] ~= '' then put('expires_ms', ARGV[i + 8]); put('expires_at', now + ARGV[i + 8]) end
  if ARGV[i + 9] ~= '' then put('deadline_ms', ARGV[i + 9]); put('deadline_at', now + ARGV[i + 9]) end
  if ARGV[i + 13] ~= '' then put('tags', ARGV[i + 13]) end
  redis.call('HSET', P .. 'job:' .. id, unpack(fields))
  redis.call('HSET', P .. 'group:' .. group .. ':jobs', ARGV[i + 1], id)
end
return 1
