#!lua flags=allow-oom
-- Make a staged flow real: the first call commits it, and that one or later ones admit its jobs, those without dependents
-- first, so that no job can end before the ones that wait for it are there.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] group id   ARGV[3] jobs admitted before   ARGV[4] jobs in all   ARGV[5] name   ARGV[6] on_failure
-- ARGV[7] retention (ms)   ARGV[8] idempotency digest ("" = none)   ARGV[9] digest of the request   ARGV[10] ms that the record is kept
-- ARGV[11] queues of the namespace at most   ARGV[12] the queues of all jobs, joined by blanks, to the first call
-- ARGV[13..] ids of the next jobs, the last of the flow first; each was staged
-- Returns {word, id, created_at, jobs admitted by now}: moved | duplicate (somebody else has admitted these) | replayed | reused
--   (same idempotency key, other request) | missing (staged too long ago) | too_many_queues
-- Uses: job_indexes
-- Uses: groups
-- Uses: queue_names
local group, key = ARGV[2], P .. 'group:' .. ARGV[2]
local before = redis.call('HMGET', key, 'state', 'admitted', 'created_at')
local admitted = tonumber(before[2] or 0)
if before[1] and admitted ~= tonumber(ARGV[3]) then return {'duplicate', group, before[3], admitted} end
if not before[1] then
  if ARGV[8] ~= '' then
    local record = redis.call('HMGET', P .. 'idempotency:' .. ARGV[8], 'request', 'id', 'at')
    if record[1] then return {record[1] == ARGV[9] and 'replayed' or 'reused', record[2], record[3], 0} end
  end
  if not redis.call('ZSCORE', P .. 'staged', group) or redis.call('HEXISTS', key, 'discarded') == 1 then return {'missing', group, now, 0} end
  for queue in string.gmatch(ARGV[12], '%S+') do
    if not may_name(queue, tonumber(ARGV[11])) then return {'too_many_queues', group, now, 0} end
  end
end
-- Checks above, writes below.
if not before[1] then
  before[3] = now
  redis.call('HSET', key, 'state', 'running', 'version', 1, 'name', ARGV[5], 'on_failure', ARGV[6], 'total', ARGV[4], 'staged', ARGV[4], 'sealed', 1,
    'created_at', now, 'retention_ms', ARGV[7], 'run', 0)
  redis.call('ZADD', P .. 'groups:flow', now, group)
  redis.call('ZREM', P .. 'staged', group)
  if ARGV[8] ~= '' then
    redis.call('HSET', P .. 'idempotency:' .. ARGV[8], 'request', ARGV[9], 'id', group, 'at', now)
    redis.call('PEXPIRE', P .. 'idempotency:' .. ARGV[8], ARGV[10])
  end
  for queue in string.gmatch(ARGV[12], '%S+') do create_name(queue) end
  if #ARGV - 12 < tonumber(ARGV[4]) then task('admit ' .. group) end
end
for i = 13, #ARGV do
  local id = ARGV[i]
  local job, job_key = read(id), P .. 'job:' .. id
  local more = redis.call('HMGET', job_key, 'tags', 'expires_at', 'deadline_at', 'delay_ms', 'due_at')
  local due, state, at = tonumber(more[5] or nil) or now + more[4], 'queued', 0
  if redis.call('EXISTS', job_key .. ':waits') == 1 then
    state = 'blocked'
  elseif due > now then
    state, at = 'scheduled', due
    redis.call('HSET', job_key, 'run_at', due)
  else
    at = running_order(job.queue, job.priority, tonumber(job.created_at))
    redis.call('HSET', job_key, 'queued_at', now, 'score', at)
  end
  local expiry = math.min(tonumber(more[2] or nil) or math.huge, tonumber(more[3] or nil) or math.huge)
  if expiry < math.huge then redis.call('HSET', job_key, 'expiry', 1); append(added, P .. 'expiry', expiry, id) end
  for tag in string.gmatch(more[1] or '', '[^%z]+') do append(added, P .. 'tag:' .. tag, job.created_at, id) end
  redis.call('HSET', job_key, 'state', state)
  -- What the first call has promised is kept, also when the name was forgotten since.
  create_name(job.queue)
  rate(job.queue, 'enqueued')
  enter(id, job, state, at)
end
admitted = redis.call('HINCRBY', key, 'admitted', #ARGV - 12)
flush()
return {'moved', group, before[3], admitted}
