#!lua flags=allow-oom
-- Deletes the record of a namespace without jobs, queues and schedules, its quotas, and what else remains. What
-- its workers still need is deleted when the last one leaves.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now
-- Returns moved | missing | not_empty
-- Uses: keys, deletion
local P = keys.prefix
if redis.call('EXISTS', P .. 'namespace') == 0 then return 'missing' end
if not deletion.is_empty() then return 'not_empty' end
-- Checks above, writes below.
redis.call('UNLINK', P .. 'namespace', P .. 'quotas', P .. 'limit_key_jobs', P .. 'unique_names',
  P .. 'audit')
redis.call('HDEL', P .. 'defaults', '*')
deletion.note()
deletion.clean()
return 'moved'
