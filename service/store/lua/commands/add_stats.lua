#!lua flags=allow-oom
-- Adds what a worker has counted to the current minute, or to the last one within its first second.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] worker id   ARGV[3] number of the report: a repeated report changes nothing
-- ARGV[4..] field, count
-- Returns now
-- Uses: keys, clock
local P, now = keys.prefix, clock.now
local KEPT_MS = 900000
local memory, key = P .. 'worker:' .. ARGV[2] .. ':report', P .. 'stats:' .. math.floor((now - 1000) / 60000)
if redis.call('GET', memory) == ARGV[3] then return now end
-- Checks above, writes below.
redis.call('SET', memory, ARGV[3], 'PX', 600000)
for i = 4, #ARGV, 2 do redis.call('HINCRBY', key, ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', key, KEPT_MS)
return now
