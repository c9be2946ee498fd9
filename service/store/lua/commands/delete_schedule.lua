#!lua flags=allow-oom
-- Deletes a schedule and its history, but not the jobs that it submitted.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] name   ARGV[3] expected version, "" = any
-- Returns moved | version | missing
-- Uses: keys
local P, name = keys.prefix, ARGV[2]
local version = redis.call('HGET', P .. 'schedule:' .. name, 'version')
if not version then return 'missing' end
if ARGV[3] ~= '' and ARGV[3] ~= version then return 'version' end
-- Checks above, writes below.
redis.call('UNLINK', P .. 'schedule:' .. name, P .. 'runs:' .. name)
redis.call('ZREM', P .. 'schedules', name)
redis.call('ZREM', P .. 'fire_times', name)
return 'moved'
