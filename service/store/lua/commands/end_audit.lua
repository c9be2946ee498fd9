#!lua flags=allow-oom
-- Stores the report of a complete cycle, and ends the turn.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] holder   ARGV[3] report (JSON), "" = the cycle is not complete
-- ARGV[4] "1" = it has counted everything
-- Returns moved | stale
-- Uses: keys, clock, changed_records
-- When another process may begin, after a cycle that was not completed.
local AGAIN_MS = 5000
local key = keys.prefix .. 'audit'
if redis.call('HGET', key, 'holder') ~= ARGV[2] then return 'stale' end
-- Checks above, writes below.
redis.call('DEL', keys.prefix .. 'audit_changes')
redis.call('ZREM', keys.prefix .. 'watched', changed_records.AUDIT)
if ARGV[3] == '' then
  redis.call('HSET', key, 'until', clock.now + AGAIN_MS)
  return 'moved'
end
redis.call('HDEL', key, 'holder', 'until')
redis.call('HSET', key, 'report', ARGV[3])
if ARGV[4] == '1' then redis.call('HDEL', keys.prefix .. 'quotas', 'uncounted') end
return 'moved'
