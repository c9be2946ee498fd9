#!lua
-- Accepts a bulk action, which any process may then carry out. It does not apply to jobs that are created or finish
-- later.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] action id   ARGV[3] idempotency digest   ARGV[4] digest of the request
-- ARGV[5] how long the record is kept (ms); "" = no record
-- ARGV[6] "1" = it acts on finished jobs   ARGV[7..] field, value
-- Returns {word, id, created_at}: moved | replayed | reused (same idempotency key, other request). Fails if the
--   namespace would exceed a quota
-- Uses: keys, clock, bulk_actions, idempotency, quotas, writer, wake_workers
local P, now = keys.prefix, clock.now
local id, key = ARGV[2], P .. 'action:' .. ARGV[2]
local before = redis.call('HGET', key, 'created_at')
if before then return {'moved', id, before} end
local known = idempotency.find(ARGV[3], ARGV[4])
if known then return {known[1], known[2], known[3]} end
quotas.check_name('bulk_actions', 'actions', id)
quotas.check_idempotency(ARGV[3])
-- Checks above, writes below.
redis.call('HSET', key, 'version', 1, 'created_at', now, 'ended_by', ARGV[6] == '1' and now or '', 'position', '-',
  'ready_at', now, 'succeeded', 0, 'skipped', 0)
bulk_actions.put_state(id, 'running')
for i = 7, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
redis.call('ZADD', P .. 'actions', now, id)
redis.call('ZADD', P .. 'running_actions', now, id)
idempotency.record(ARGV[3], ARGV[4], id, ARGV[5], {})
writer.write()
wake_workers.newest(5)
return {'moved', id, now}
