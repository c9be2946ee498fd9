#!lua flags=allow-oom
-- Claims the turn of auditing the namespace, or keeps it: one process has it at a time. If that process dies, the next
-- one starts over.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] holder   ARGV[3] how long the turn lasts unless it is kept (ms)
-- ARGV[4] interval between cycles (ms), 0 = only on request   ARGV[5] due | now (whether it is due or not) | keep
-- Returns {"1" if the holder has the turn, ms until it makes sense to ask again}
-- Uses: keys, clock
local P, now, key = keys.prefix, clock.now, keys.prefix .. 'audit'
local interval, purpose = tonumber(ARGV[4]), ARGV[5]
local LONGEST = 86400000
local turn = redis.call('HMGET', key, 'holder', 'until', 'next_at')
local mine = turn[1] == ARGV[2]
local held = turn[1] and tonumber(turn[2]) > now
if purpose == 'keep' then
  if mine then redis.call('HSET', key, 'until', now + ARGV[3]) end
  return {mine and 1 or 0, 0}
end
if held and not mine then return {0, turn[2] - now} end
local next_at = interval > 0 and tonumber(turn[3] or nil) or math.huge
if interval > 0 and not turn[3] then
  -- A new namespace has nothing to find yet.
  next_at = now + interval
  redis.call('HSET', key, 'next_at', next_at)
end
-- The interval of a worker that starts may be shorter than the one before.
next_at = math.min(next_at, interval > 0 and now + interval or math.huge)
local wanted = purpose == 'now' or redis.call('EXISTS', P .. 'audit_requested') == 1
-- A cycle that was not completed is repeated at once.
if not wanted and not turn[1] and next_at > now then return {0, math.min(next_at - now, LONGEST)} end
-- Checks above, writes below.
redis.call('DEL', P .. 'audit_requested')
redis.call('HSET', key, 'holder', ARGV[2], 'until', now + ARGV[3], 'started_at', now)
if interval > 0 then redis.call('HSET', key, 'next_at', now + interval) end
return {1, 0}
