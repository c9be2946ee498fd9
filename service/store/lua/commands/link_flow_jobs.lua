#!lua
-- Adds the dependencies of staged jobs. Repeating a call changes nothing. Fails if the namespace would exceed a quota.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] group id   ARGV[3] how many jobs it has   ARGV[4] the last edge of the call before
--   ("dependent dependency"), "" = none   ARGV[5..] per edge 4 values: id of the dependent, id of the dependency, the
--   dependency's key, the condition: "0" succeeded, "1" failed, "2" finished (dependents.lua)
-- Returns 1, or 0 if a failover has lost what was staged before: edges of jobs that do not exist would stay forever
-- Uses: keys, quotas, stored_bytes, writer, changed_records
local P = keys.prefix
if redis.call('HLEN', P .. 'group:' .. ARGV[2] .. ':jobs') < tonumber(ARGV[3]) then return 0 end
local last_dependent, last_dependency = string.match(ARGV[4], '^(%S+) (%S+)$')
if last_dependent and redis.call('SISMEMBER', P .. 'job:' .. last_dependent .. ':waits', last_dependency) == 0 then
  return 0
end
quotas.check(0, stored_bytes.DEPENDENCY * (#ARGV - 4) / 4, 0)
-- Checks above, writes below.
local ids = {}
for i = 5, #ARGV, 4 do
  local dependent, dependency, condition = ARGV[i], ARGV[i + 1], ARGV[i + 3]
  redis.call('ZADD', P .. 'job:' .. dependency .. ':dependents', condition, dependent)
  redis.call('HSET', P .. 'job:' .. dependency, 'linked', 1)
  stored_bytes.put_dependency(dependent, ARGV[i + 2], condition .. ' ' .. dependency)
  redis.call('SADD', P .. 'job:' .. dependent .. ':waits', dependency)
  ids[#ids + 1] = dependent
end
writer.write()
changed_records.note_quietly(ids)
return 1
