#!lua flags=allow-oom
-- Deletes the record of a namespace without jobs, queues and schedules, and its quotas.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)
-- Returns moved | missing | not_empty
-- Uses: keys
local P = keys.prefix
if redis.call('EXISTS', P .. 'namespace') == 0 then return 'missing' end
local left = redis.call('EXISTS', P .. 'queues', P .. 'schedules', P .. 'groups:flow', P .. 'groups:fan')
if left > 0 then return 'not_empty' end
-- Checks above, writes below.
redis.call('UNLINK', P .. 'namespace', P .. 'quotas', P .. 'limit_key_jobs', P .. 'unique_names',
  P .. 'audit')
redis.call('HDEL', P .. 'defaults', '*')
return 'moved'
