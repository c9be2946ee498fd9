#!lua flags=no-writes
-- Reads the groups of dead letters; there are at most 501.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)
-- Returns per group {fingerprint, number of jobs, id of the newest job, HGETALL}
-- Uses: keys
local P, answer = keys.prefix, {}
for _, print in ipairs(redis.call('ZRANGE', P .. 'dead_groups', 0, -1)) do
  local key = P .. 'dead_group:' .. print
  local newest = redis.call('ZRANGE', key .. ':jobs', -1, -1)[1] or ''
  answer[#answer + 1] = {print, redis.call('ZCARD', key .. ':jobs'), newest, redis.call('HGETALL', key)}
end
return answer
