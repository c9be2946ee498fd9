#!lua flags=allow-oom
-- Take running jobs away from holders whose lease expired. They keep their place and become suspects.
-- After a gap in the pulse (nobody reached Redis: an outage, not dead workers) holders get one fresh lease first.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] lease (ms)   ARGV[3] crashes that make a job poison   ARGV[4] jobs at most
-- ARGV[5] retention of a dead job at least (ms)
-- Returns {ms until the next lease expires or -1, ids that were rescued, ids that were dead-lettered}
-- Uses: index
-- Uses: groups
-- Uses: pulse
local _, expires = head(P .. 'leases')
if not expires then return {-1, {}, {}} end
pulse(tonumber(ARGV[2]))
local hold = tonumber(redis.call('GET', P .. 'hold_until') or nil)
if hold and now < hold then return {hold - now, {}, {}} end
if tonumber(expires) > now then return {expires - now, {}, {}} end

local rescued, buried = {}, {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'leases', '-inf', now, 'LIMIT', 0, ARGV[4])) do
  local job, key = load(id), P .. 'job:' .. id
  if not job or job.state ~= 'running' then
    append(removed, P .. 'leases', id)
  else
    local crashes = redis.call('HINCRBY', key, 'crashes', 1)
    redis.call('HDEL', key, 'token')
    redis.call('HSET', key, 'suspect', 1)
    redis.call('RPUSH', key .. ':attempts', string.format(
      '{"attempt":%d,"outcome":"crashed","at_ms":%.0f,"worker_id":"%s","duration_seconds":null,"type":"WorkerLost","message":"The lease expired while the job ran.","traceback":""}',
      (tonumber(redis.call('HGET', key, 'failures') or 0)) + 1, now, job.worker_id))
    redis.call('LTRIM', key .. ':attempts', -50, -1)
    if job.cancel_requested_at then
      finish(id, job, 'cancelled', redis.call('HGET', key, 'cancel_reason') or 'requested', 0)
    elseif crashes >= tonumber(ARGV[3]) then
      redis.call('HSET', key, 'error', string.format(
        '{"type":"WorkerLost","message":"The process that ran this job died %d times.","retryable":false,"attempt":%d}',
        crashes, (tonumber(redis.call('HGET', key, 'failures') or 0)) + 1))
      finish(id, job, 'dead', 'poison', tonumber(ARGV[5]))
      buried[#buried + 1] = id
    else
      redis.call('HSET', key, 'state', 'queued')
      redis.call('HINCRBY', key, 'version', 1)
      leave(id, job)
      enter(id, job, 'queued', tonumber(job.score))
      rescued[#rescued + 1] = id
    end
  end
end
if #rescued + #buried > 0 then redis.call('HINCRBY', P .. 'counters', 'stalled', #rescued + #buried) end
flush()
_, expires = head(P .. 'leases')
return {expires and math.max(0, expires - now) or -1, rescued, buried}
