#!lua flags=allow-oom
-- Requeues the running jobs of lost workers: their leases have expired. A job keeps its place and its counters and
-- becomes a suspect, which runs alone in a subprocess. A job that was lost repeatedly waits, longer each time: it may
-- be what kills the workers (docs/adr/0027).
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] lease (ms)   ARGV[3] how long the caller could not reach Redis (ms)   ARGV[4] limit on jobs
-- ARGV[5] losses without a wait   ARGV[6] the first wait (ms), doubled by each further loss   ARGV[7] the longest wait
--   (ms)
-- Returns {ms until the next lease may be rescued or -1, ids, "1" if a worker was lost in the last minute or may be
--   lost now}
-- Uses: keys, clock, batch, jobs, stored_bytes, endings, outage_guard, allowance, consequences
local P, now = keys.prefix, clock.now
local FREE_LOSSES, FIRST_REST_MS, LONGEST_REST_MS = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
-- What the record of the attempt costs (allowance.lua).
local ATTEMPTED = 40
local ATTEMPT = '{"attempt":%d,"outcome":"lost","at_ms":%.0f,"worker_id":"%s","duration_seconds":null,'
  .. '"type":"WorkerLost","message":"The worker that ran this job is gone.","traceback":""}'

local function first_lease()
  local _, at = keys.head(P .. 'leases')
  return tonumber(at)
end

local function lost_lately(overdue) return (overdue or redis.call('EXISTS', P .. 'worker_lost') == 1) and 1 or 0 end

local first = first_lease()
if not first then return {-1, {}, lost_lately()} end
outage_guard.note_reachable(tonumber(ARGV[2]), tonumber(ARGV[3]))
local after, till = outage_guard.held()
local limit = now < till and math.min(now, after) or now
local function next_in(at) return math.max(0, at - now, at > after and till - now or 0) end
if first > limit then return {next_in(first), {}, lost_lately(first <= now)} end

local function take_back(id, job)
  local key = P .. 'job:' .. id
  local losses = redis.call('HINCRBY', key, 'losses', 1)
  local attempt = (tonumber(redis.call('HGET', key, 'failures') or 0)) + 1
  jobs.end_lease(job)
  stored_bytes.append(key, 'attempts', string.format(ATTEMPT, attempt, now, job.worker_id))
  if job.cancel_requested_at then
    local reason = redis.call('HGET', key, 'cancel_reason') or 'requested'
    endings.finish(id, job, 'cancel', reason, 0, {'suspect', 1})
  elseif losses <= FREE_LOSSES then
    jobs.move(id, job, 'rescue', tonumber(job.score), {'suspect', 1})
  else
    local at = now + math.min(FIRST_REST_MS * 2 ^ (losses - FREE_LOSSES - 1), LONGEST_REST_MS)
    jobs.move(id, job, 'rest', at, {'suspect', 1, 'run_at', at})
  end
end

local rescued = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'leases', '-inf', limit, 'LIMIT', 0, ARGV[4])) do
  local job = jobs.load(id)
  if allowance.is_spent() then break end
  if job and jobs.permits(job, 'rescue') then
    allowance.spend(job, ATTEMPTED)
    take_back(id, job)
    rescued[#rescued + 1] = id
  else
    batch.remove(P .. 'leases', id)
  end
end
if #rescued > 0 then
  redis.call('HINCRBY', P .. 'counters', 'stalled', #rescued)
  redis.call('SET', P .. 'worker_lost', now, 'PX', 60000)
end
consequences.flush()
first = first_lease()
return {first and next_in(first) or -1, rescued, lost_lately()}
