#!lua flags=allow-oom
-- Forget a schedule and its history; jobs that it has started go on.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] name   ARGV[3] version that it must have, "" = any
-- Returns moved | version | missing
-- Uses: job_indexes
local version = redis.call('HGET', P .. 'schedule:' .. ARGV[2], 'version')
if not version then return 'missing' end
if ARGV[3] ~= '' and ARGV[3] ~= version then return 'version' end
-- Checks above, writes below.
redis.call('UNLINK', P .. 'schedule:' .. ARGV[2], P .. 'runs:' .. ARGV[2])
redis.call('ZREM', P .. 'schedules', ARGV[2])
redis.call('ZREM', P .. 'slots', ARGV[2])
return 'moved'
