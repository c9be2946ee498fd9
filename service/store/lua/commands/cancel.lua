#!lua flags=allow-oom
-- Cancels live jobs: waiting jobs at once, running jobs through their worker, or by force after the grace period.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] grace (ms)   ARGV[3] reason   ARGV[4] "1" = only jobs that have never started
-- ARGV[5] the portion of a bulk action that these jobs are (bulk_portion.lua), "" = none
-- ARGV[6] the requester's message, "" = none; the first message is kept   ARGV[7..] job ids
-- If a cancel is requested again, the earlier deadline applies.
-- Returns per job {word, state, version}: moved | requested | illegal (it has finished, or started) | missing; nothing
--   if another process has done the portion. Fewer rows than jobs: the others were left (allowance.lua)
-- Uses: keys, clock, batch, jobs, endings, bulk_portion, wake_workers, allowance, consequences
local P, now = keys.prefix, clock.now
local answers, portion, reason, message = {}, bulk_portion.of(ARGV[5]), ARGV[3], ARGV[6]
if portion.stale() then return {} end

-- Asks the worker of a running job to stop it.
local function request(id, job, key)
  local forced, before = now + ARGV[2], tonumber(redis.call('ZSCORE', P .. 'cancelling', id) or nil)
  local first = not job.cancel_requested_at
  if first then redis.call('HSET', key, 'cancel_requested_at', now, 'cancel_reason', reason) end
  local said = message ~= '' and redis.call('HSETNX', key, 'cancel_message', message) == 1
  if first or said then
    jobs.change(id, job, {})
  end
  if first or (before and forced < before) then
    batch.add(P .. 'cancelling', forced, id)
    wake_workers.one(job.worker_id)
  end
end

local function may_cancel(id, job, key)
  local spared = ARGV[4] == '1' and redis.call('HEXISTS', key, 'started_at') == 1
  return jobs.permits(job, 'cancel') and not spared and not portion.spares(id, job)
end

local before, cut_at, cut_job
for i = 7, #ARGV do
  -- A job that exists says where a bulk action continues.
  if before and allowance.is_spent() then
    cut_at, cut_job = ARGV[i - 1], before
    break
  end
  local id = ARGV[i]
  local job, key = jobs.load(id), P .. 'job:' .. id
  before = job
  if job then allowance.spend_end(job) end
  local word = 'moved'
  if not job then
    word = 'missing'
  elseif not may_cancel(id, job, key) then
    word = 'illegal'
  elseif job.state == 'running' then
    word = 'requested'
    request(id, job, key)
  else
    local fields = message ~= '' and {'cancel_message', message} or {}
    if job.children_token then
      fields[#fields + 1] = 'children_grace_ms'
      fields[#fields + 1] = ARGV[2]
    end
    endings.finish(id, job, 'cancel', reason, 0, fields)
  end
  answers[#answers + 1] = {word, job and job.state or '', job and job.version or 0}
  portion.note(word)
end
portion.advance(cut_at, cut_job)
consequences.flush()
return answers
