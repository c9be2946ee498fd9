#!lua flags=allow-oom
-- End what its time has overtaken: waiting jobs past expires_at or deadline_at, cancels at the end of their grace.
-- A running job past its deadline is its worker's to end; the entry is looked at again later.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] jobs of each kind at most   ARGV[3] retention of a dead job at least (ms)   ARGV[4] ms to look again
-- Returns {how many were ended, ms until the next one or -1}
-- Uses: job_indexes
-- Uses: groups
local expired, forced = 0, 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'cancelling', '-inf', now, 'LIMIT', 0, ARGV[2])) do
  local job = load(id)
  if job and job.state == 'running' and job.cancel_requested_at then
    -- Without its token the holder's finish is refused as stale.
    redis.call('HDEL', P .. 'job:' .. id, 'token')
    finish(id, job, 'cancelled', redis.call('HGET', P .. 'job:' .. id, 'cancel_reason') or 'requested', 0)
    redis.call('ZADD', P .. 'worker:' .. job.worker_id .. ':inbox', 0, '1')
    redis.call('PEXPIRE', P .. 'worker:' .. job.worker_id .. ':inbox', 60000)
    forced = forced + 1
  else
    append(removed, P .. 'cancelling', id)
  end
end
flush()
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'expiry', '-inf', now, 'LIMIT', 0, ARGV[2])) do
  local job = load(id)
  local at = redis.call('HMGET', P .. 'job:' .. id, 'expires_at', 'deadline_at', 'started_at')
  local deadline = tonumber(at[2] or nil)
  if not job or FINISHED[job.state] then
    append(removed, P .. 'expiry', id)
  elseif job.state == 'running' then
    append(added, P .. 'expiry', now + ARGV[4], id)
  elseif deadline and deadline <= now then
    finish(id, job, 'dead', 'deadline', tonumber(ARGV[3]))
    expired = expired + 1
  elseif at[1] and not at[3] then
    finish(id, job, 'dead', 'expired', tonumber(ARGV[3]))
    expired = expired + 1
  elseif deadline then
    append(added, P .. 'expiry', deadline, id)
  else
    append(removed, P .. 'expiry', id)
  end
end
flush()
local _, first = head(P .. 'expiry')
local _, second = head(P .. 'cancelling')
local next_at = math.min(tonumber(first) or math.huge, tonumber(second) or math.huge)
return {expired + forced, next_at < math.huge and math.max(0, next_at - now) or -1}
