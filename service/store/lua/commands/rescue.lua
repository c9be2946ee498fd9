#!lua flags=allow-oom
-- Take running jobs back from workers that are gone: their leases expired. No job is blamed for that: it keeps its place and its
-- counters, and becomes a suspect, which runs alone in a process. One that was lost with its worker time and again waits, longer
-- each time: it may be what ends the workers (docs/adr/0027).
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] lease (ms)   ARGV[3] ms for which the caller had not reached Redis   ARGV[4] jobs at most
-- ARGV[5] losses after which a job does not wait   ARGV[6] ms that it waits after one more, doubled by each   ARGV[7] ms at most
-- Returns {ms until the next lease may be taken or -1, ids, "1" if a worker was lost in the last minute or may just have been}
-- Uses: job_indexes
-- Uses: groups
-- Uses: outage_guard
local function lost_lately(overdue) return (overdue or redis.call('EXISTS', P .. 'worker_lost') == 1) and 1 or 0 end

local first = tonumber(({head(P .. 'leases')})[2])
if not first then return {-1, {}, lost_lately()} end
pulse(tonumber(ARGV[2]), tonumber(ARGV[3]))
local after, till = held()
local limit = now < till and math.min(now, after) or now
local function next_in(at) return math.max(0, at - now, at > after and till - now or 0) end
if first > limit then return {next_in(first), {}, lost_lately(first <= now)} end

local rescued = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'leases', '-inf', limit, 'LIMIT', 0, ARGV[4])) do
  local job, key = load(id), P .. 'job:' .. id
  if not job or job.state ~= 'running' then
    append(removed, P .. 'leases', id)
  else
    local losses = redis.call('HINCRBY', key, 'losses', 1)
    redis.call('HDEL', key, 'token')
    redis.call('HSET', key, 'suspect', 1)
    redis.call('RPUSH', key .. ':attempts', string.format(
      '{"attempt":%d,"outcome":"lost","at_ms":%.0f,"worker_id":"%s","duration_seconds":null,"type":"WorkerLost","message":"The worker that ran this job is gone.","traceback":""}',
      (tonumber(redis.call('HGET', key, 'failures') or 0)) + 1, now, job.worker_id))
    redis.call('LTRIM', key .. ':attempts', -50, -1)
    if job.cancel_requested_at then
      finish(id, job, 'cancelled', redis.call('HGET', key, 'cancel_reason') or 'requested', 0)
    else
      local state, at = 'queued', tonumber(job.score)
      if losses > tonumber(ARGV[5]) then
        state, at = 'scheduled', now + math.min(ARGV[6] * 2 ^ (losses - ARGV[5] - 1), tonumber(ARGV[7]))
        redis.call('HSET', key, 'run_at', at)
      end
      redis.call('HSET', key, 'state', state)
      redis.call('HINCRBY', key, 'version', 1)
      leave(id, job)
      enter(id, job, state, at)
    end
    rescued[#rescued + 1] = id
  end
end
if #rescued > 0 then
  redis.call('HINCRBY', P .. 'counters', 'stalled', #rescued)
  redis.call('SET', P .. 'worker_lost', now, 'PX', 60000)
end
flush()
first = tonumber(({head(P .. 'leases')})[2])
return {first and next_in(first) or -1, rescued, lost_lately()}
