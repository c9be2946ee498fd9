#!lua flags=allow-oom
-- Queues or schedules jobs that are not running: a new run, or an early start.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] move: redrive, defer (redrive with a delay) | run_now   ARGV[3] delay (ms)
-- ARGV[4] new payload   ARGV[5] new queue   "" = unchanged
-- ARGV[6] the portion of a bulk action that these jobs are (bulk_portion.lua), "" = none
-- ARGV[7] limit on queues per namespace   ARGV[8..] job ids
-- Returns per job {word, state, version, holder}: moved | illegal | missing | conflict (another job holds its unique
--   key) | too_many_queues | quota_exceeded; nothing if another process has done the portion. Fewer rows than jobs: the
--   others were left (allowance.lua)
-- Uses: keys, clock, jobs, traits, texts, job_records, unique_keys, queue_settings, queue_names, groups, tasks
-- Uses: batch, shared_payloads, bulk_portion, quotas, allowance, consequences
local P, now, push = keys.prefix, clock.now, job_records.push
local move, delay, payload, new_queue = ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
-- What the reset of a run costs (allowance.lua).
local AGAIN = 60
local answers, left, portion, new_run = {}, {}, bulk_portion.of(ARGV[6]), move ~= 'run_now'
if portion.stale() then return {} end

local limited = new_run and quotas.read()

-- The unique key that a new run of the job holds until it finishes, or nil.
local function key_to_hold(job, queue)
  if not new_run or not job.unique or tonumber(job.unique_until) then return nil end
  return (unique_keys.of({queue = queue, unique = job.unique, unique_until = job.unique_until}))
end

-- Retries the jobs of its group that were cancelled because they waited for this one.
local function retry_dependents(id, job)
  if not job.group or not job.linked or not groups.exists(job.group) then return end
  redis.call('HSET', P .. 'group:' .. job.group, 'retry_pending', 1)
  redis.call('HINCRBY', P .. 'group:' .. job.group, 'generation', 1)
  tasks.add('retry ' .. job.group .. ' ' .. id)
end

local function requeue(id, job, queue)
  local at = now + delay
  local fields = {'run_at', at}
  if payload ~= '' then
    texts.drop(P .. 'job:' .. id, 'payload')
    texts.put(fields, 'payload', payload)
    push(fields, 'payload_replaced', 1)
    if job.group and redis.call('HDEL', P .. 'job:' .. id, 'shared') == 1 then shared_payloads.release(job.group) end
  end
  if new_queue ~= '' then
    left[job.queue] = true
    job.to_traits = traits.with(job.traits, 'queue', queue)
    push(fields, 'traits', job.to_traits.text)
    queue_names.create(queue)
  end
  if new_run then
    job_records.reset_run(id, job, fields, at)
    retry_dependents(id, job)
  end
  if delay == 0 then
    at = queue_settings.running_order(queue, job.priority, now)
    push(fields, 'queued_at', now)
  end
  jobs.move(id, job, move, at, fields)
end

-- Why the job cannot move, and the holder of its unique key; or nil and the key to hold.
local function refusal(id, job, queue)
  if not job then return 'missing' end
  if not jobs.permits(job, move) or portion.spares(id, job) then return 'illegal' end
  local key = key_to_hold(job, queue)
  local holder = key and redis.call('GET', key) or nil
  if holder and holder ~= id then return 'conflict', holder end
  if not queue_names.may_use(queue, tonumber(ARGV[7])) then return 'too_many_queues' end
  if limited and quotas.exceeded(1, #payload, 0, queue, job.limit_key, key) then return 'quota_exceeded' end
  return nil, key
end

local before, cut_at, cut_job
for i = 8, #ARGV do
  -- A job that exists says where a bulk action continues.
  if before and allowance.is_spent() then
    cut_at, cut_job = ARGV[i - 1], before
    break
  end
  local id, job = ARGV[i], jobs.load(ARGV[i])
  before = job
  if job then allowance.spend(job, AGAIN) end
  local queue = new_queue ~= '' and new_queue or job and job.queue
  local word, key = refusal(id, job, queue)
  if not word then
    if key then
      redis.call('SET', key, id)
      batch.unique_keys[key] = '+inf'
    end
    requeue(id, job, queue)
  end
  answers[#answers + 1] = {
    word or 'moved', job and job.state or '', job and job.version or 0, word == 'conflict' and key or nil,
  }
  portion.note(word or 'moved')
end
portion.advance(cut_at, cut_job)
consequences.flush()
queue_names.forget_unused(left)
return answers
