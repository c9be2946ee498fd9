#!lua flags=allow-oom
-- Finishes jobs whose time is up: waiting jobs past expires_at or deadline_at, and running jobs at the end of a
-- cancel's grace period. The worker of a running job enforces its deadline, so the script only checks that job again
-- later.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] limit on jobs of each kind   ARGV[3] shortest retention of a dead job (ms)
-- ARGV[4] ms until a running job is checked again
-- Returns {how many were finished, ms until the next one or -1: 0 if jobs were left (allowance.lua)}
-- Uses: keys, clock, batch, jobs, endings, wake_workers, allowance, consequences
local P, now = keys.prefix, clock.now
local ended = 0

local function due_in(set) return ipairs(redis.call('ZRANGEBYSCORE', P .. set, '-inf', now, 'LIMIT', 0, ARGV[2])) end

-- What it costs to note that a job is dead (allowance.lua).
local DEATH = 60

local function bury(id, job, reason)
  allowance.spend_end(job, DEATH)
  endings.finish(id, job, 'bury', reason, tonumber(ARGV[3]))
  ended = ended + 1
end

for _, id in due_in('cancelling') do
  if allowance.is_spent() then break end
  local job = jobs.load(id)
  if job and job.state == 'running' and job.cancel_requested_at then
    allowance.spend_end(job)
    -- Without the token, the holder's own finish is rejected as stale.
    jobs.end_lease(job)
    local reason = redis.call('HGET', P .. 'job:' .. id, 'cancel_reason') or 'requested'
    endings.finish(id, job, 'cancel', reason, 0)
    wake_workers.one(job.worker_id)
    ended = ended + 1
  else
    batch.remove(P .. 'cancelling', id)
  end
end
consequences.flush()
for _, id in due_in('expiry') do
  if allowance.is_spent() then break end
  local job = jobs.load(id)
  local at = redis.call('HMGET', P .. 'job:' .. id, 'expires_at', 'deadline_at', 'started_at')
  local deadline = tonumber(at[2] or nil)
  if not job or jobs.FINISHED[job.state] then
    batch.remove(P .. 'expiry', id)
  elseif job.state == 'running' then
    batch.add(P .. 'expiry', now + ARGV[4], id)
  elseif deadline and deadline <= now then
    bury(id, job, 'deadline')
  elseif at[1] and not at[3] then
    bury(id, job, 'expired')
  elseif deadline then
    batch.add(P .. 'expiry', deadline, id)
  else
    batch.remove(P .. 'expiry', id)
  end
end
consequences.flush()
local _, first = keys.head(P .. 'expiry')
local _, second = keys.head(P .. 'cancelling')
local next_at = math.min(tonumber(first) or math.huge, tonumber(second) or math.huge)
return {ended, next_at < math.huge and math.max(0, next_at - now) or -1}
