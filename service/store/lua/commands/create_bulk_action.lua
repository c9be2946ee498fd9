#!lua
-- Accept a bulk action: from then on any process carries it on. Jobs that are created, or end, later are not its concern.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] action id   ARGV[3] idempotency digest   ARGV[4] digest of the request   ARGV[5] ms that the record is kept; "" = none
-- ARGV[6] "1" = it acts upon jobs that have ended   ARGV[7..] field, value
-- Returns {word, id, created_at}: moved | replayed | reused (same idempotency key, other request)
-- Uses: job_indexes
-- Uses: wake_workers
local id, key = ARGV[2], P .. 'action:' .. ARGV[2]
local before = redis.call('HGET', key, 'created_at')
if before then return {'moved', id, before} end
if ARGV[3] ~= '' then
  local record = redis.call('HMGET', P .. 'idempotency:' .. ARGV[3], 'request', 'id', 'at')
  if record[1] then return {record[1] == ARGV[4] and 'replayed' or 'reused', record[2], record[3]} end
end
-- Checks above, writes below.
redis.call('HSET', key, 'state', 'running', 'version', 1, 'created_at', now, 'ended_by', ARGV[6] == '1' and now or '', 'position', '-', 'ready_at', now,
  'succeeded', 0, 'skipped', 0)
for i = 7, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
redis.call('ZADD', P .. 'actions', now, id)
redis.call('ZADD', P .. 'acting', now, id)
if ARGV[3] ~= '' then
  redis.call('HSET', P .. 'idempotency:' .. ARGV[3], 'request', ARGV[4], 'id', id, 'at', now)
  redis.call('PEXPIRE', P .. 'idempotency:' .. ARGV[3], ARGV[5])
end
summon(5)
return {'moved', id, now}
