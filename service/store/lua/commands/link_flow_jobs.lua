#!lua
-- Adds the dependencies of staged jobs. Repeating a call changes nothing.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2..] per edge 4 values: id of the dependent, id of the dependency, the dependency's
--   key, the condition: "0" succeeded, "1" failed, "2" finished (dependents.lua)
-- Returns 1
-- Uses: keys
local P = keys.prefix
for i = 2, #ARGV, 4 do
  local dependent, dependency, condition = ARGV[i], ARGV[i + 1], ARGV[i + 3]
  redis.call('ZADD', P .. 'job:' .. dependency .. ':dependents', condition, dependent)
  redis.call('HSET', P .. 'job:' .. dependency, 'linked', 1)
  redis.call('HSET', P .. 'job:' .. dependent .. ':dependencies', ARGV[i + 2], condition .. ' ' .. dependency)
  redis.call('SADD', P .. 'job:' .. dependent .. ':waits', dependency)
end
return 1
