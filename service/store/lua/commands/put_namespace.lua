#!lua flags=allow-oom
-- Creates or changes the record of a namespace, its quotas, and the defaults of its jobs. The first quotas begin to
-- count: they find how many jobs are unfinished, and count bytes, limit keys and unique keys from now on.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] expected version, 0 = it must not exist   ARGV[3] definition (JSON)
-- ARGV[4] defaults of jobs (JSON), "" = none   ARGV[5..] quota, limit
-- Returns {moved | version, version}
-- Uses: keys, clock
local P, key, quotas = keys.prefix, keys.prefix .. 'namespace', keys.prefix .. 'quotas'
local QUEUES = 2000
local LIVE = {'queued', 'scheduled', 'retrying', 'running', 'blocked'}
local version = redis.call('HGET', key, 'version') or '0'
if version ~= ARGV[2] then return {'version', version} end
-- Checks above, writes below.

-- With many queues, the next audit counts the jobs instead.
local function count_jobs()
  local total = 0
  if redis.call('ZCARD', P .. 'queues') > QUEUES then return 0 end
  for _, queue in ipairs(redis.call('ZRANGE', P .. 'queues', 0, -1)) do
    for _, state in ipairs(LIVE) do total = total + redis.call('ZCARD', keys.queue(queue, state)) end
  end
  return total
end

redis.call('UNLINK', P .. 'deleted')
version = redis.call('HINCRBY', key, 'version', 1)
redis.call('HSETNX', key, 'created_at', clock.now)
redis.call('HSET', key, 'definition', ARGV[3])
redis.call('HDEL', P .. 'defaults', '*')
if ARGV[4] ~= '' then redis.call('HSET', P .. 'defaults', '*', ARGV[4]) end
local used = redis.call('HMGET', quotas, 'used_jobs', 'used_bytes', 'submitted_until', 'uncounted')
redis.call('DEL', quotas)
if #ARGV < 5 then
  redis.call('UNLINK', P .. 'limit_key_jobs', P .. 'unique_names', P .. 'idempotency_usage')
  return {'moved', version}
end
redis.call('HSET', quotas, 'used_jobs', used[1] or count_jobs(), 'used_bytes', used[2] or 0, unpack(ARGV, 5))
-- What exists already is counted by the next audit.
local uncounted = used[4] or (not used[2] and redis.call('EXISTS', P .. 'queues') == 1)
if uncounted then redis.call('HSET', quotas, 'uncounted', 1) end
if used[3] then redis.call('HSET', quotas, 'submitted_until', used[3]) end
return {'moved', version}
