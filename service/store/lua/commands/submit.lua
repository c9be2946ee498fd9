#!lua
-- Admits a batch of jobs: idempotency record, unique key, job, index and wake-up, all or nothing per job.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] how long an idempotency record is kept (ms)
-- ARGV[3] the fire times of a schedule that these jobs are for (schedule_firing.lua), "" = none
-- ARGV[4] limit on queues per namespace   ARGV[5..] per job 20 values: id, its spec (job_records.lua), unique key,
--   unique until ("started", "finished", ms, or "result <ms>": unique_keys.lua), on conflict, idempotency digest,
--   digest of the request, spec to keep in its idempotency record, failures; "" = absent
-- Returns per job {word, id, at, options, admitted}: created | duplicate (this id was admitted before) | replayed,
--   reused (idempotency.lua) | existing, conflict (unique key) | replaced (replace_unique.lua; also if this submission
--   replaced a waiting job before) | too_many_queues | full | skipped (the schedule's last run has not finished);
--   nothing if another process has fired these times. admitted: "created_at version state run_at", if they differ from
--   what was sent
-- Uses: keys, clock, job_records, queue_settings, queue_names, unique_keys, schedule_firing, idempotency
-- Uses: replace_unique, consequences
local P, now, push = keys.prefix, clock.now, job_records.push
local WIDTH, KEEP_MS, MOST_QUEUES = 20, ARGV[2], tonumber(ARGV[4])
local answers, admitted, late, depth = {}, {}, {}, {}
-- Jobs of this batch, by unique key and by idempotency digest.
local by_unique, by_digest = {}, {}
local fire = schedule_firing.of(ARGV[3])
if fire.stale() then return {} end

-- The result of an earlier submission with this id or key. The second value is a job of this batch that still has to
-- complete that result.
local function answered_before(job)
  local before = redis.call('HMGET', P .. 'job:' .. job.id, 'created_at', 'options', 'admitted')
  if before[1] then return {'duplicate', job.id, before[1], before[2], before[3] or nil} end
  if job.conflict == 'replace' then
    local replacement = redis.call('HMGET', P .. 'replacement:' .. job.id, 'id', 'at', 'admitted')
    if replacement[1] then return {'replaced', replacement[1], replacement[2], job.options, replacement[3]} end
  end
  local here = by_digest[job.digest]
  if here then return {here.request == job.request and 'replayed' or 'reused', here.id, now, here.options}, here end
  return idempotency.find(job.digest, job.request)
end

local function held_key(job)
  if not job.unique or job.conflict == 'replace' then return nil end
  local key = unique_keys.of(job)
  local here, holder = by_unique[key], redis.call('GET', key)
  if here or (holder and redis.call('EXISTS', P .. 'job:' .. holder) == 1) then
    return {job.conflict == 'reject' and 'conflict' or 'existing', here and here.id or holder, now, job.options}, here
  end
end

local function is_full(queue)
  local limit = tonumber(queue_settings.get(queue, 'max_depth') or nil)
  if not limit then return false end
  depth[queue] = depth[queue] or redis.call('ZCARD', keys.queue(queue, 'queued'))
  if depth[queue] >= limit then return true end
  depth[queue] = depth[queue] + 1
end

local function refusal(job)
  local answer, here = answered_before(job)
  if answer then return answer, here end
  if fire.overlaps(#admitted) then return {'skipped', '-', now, job.options} end
  answer, here = held_key(job)
  if answer then return answer, here end
  if not queue_names.may_use(job.queue, MOST_QUEUES) then return {'too_many_queues', job.id, now, job.options} end
  if is_full(job.queue) then return {'full', job.id, now, job.options} end
end

local function text(value)
  if value ~= '' then return value end
end

for i = 5, #ARGV, WIDTH do
  local job = job_records.spec(ARGV, i + 1)
  job.id, job.unique, job.unique_until, job.conflict = ARGV[i], text(ARGV[i + 13]), text(ARGV[i + 14]), ARGV[i + 15]
  job.digest, job.request, job.kept_spec, job.failures = ARGV[i + 16], ARGV[i + 17], text(ARGV[i + 18]), ARGV[i + 19]
  local answer, here = refusal(job)
  if here then late[#late + 1] = {answer, here} end
  if not answer then
    answer = {'created', job.id, now, job.options}
    job.answer = answer
    admitted[#admitted + 1] = job
    if job.digest ~= '' then by_digest[job.digest] = job end
    if job.unique then by_unique[unique_keys.of(job)] = job end
  end
  answers[#answers + 1] = answer
end

-- If a job replaced another or waits for its turn, its record says how it was admitted.
local function note_admission(job, run_at)
  if not (job.version or job.waits or job.not_before) then return end
  job.admitted = string.format('%s %s %s %.0f', job.created_at, job.version or 1, job.state, run_at)
  redis.call('HSET', P .. 'job:' .. job.id, 'admitted', job.admitted)
  if job.version then job.answer[1] = 'replaced' end
  job.answer[2], job.answer[5] = job.id, job.admitted
end

local function admit(job)
  if job.unique and job.conflict == 'replace' then replace_unique.take_over(job) end
  local fields = job_records.fields(job)
  if job.failures ~= '0' then push(fields, 'failures', job.failures) end
  if job.not_before then push(fields, 'not_before', job.not_before) end
  if job.unique then
    push(fields, 'unique', job.unique)
    push(fields, 'unique_until', job.unique_until)
  end
  local due = math.max(job_records.due_of(job), job.not_before or 0)
  job_records.start(job.id, job, fields, due, job.waits and 'wait' or nil)
  note_admission(job, math.max(due, now))
  if job.unique then replace_unique.hold(job) end
  if job.digest == '' then return end
  local kept = {'options', job.options}
  if job.kept_spec then kept[3], kept[4] = 'spec', job.kept_spec end
  if job.admitted then kept[#kept + 1], kept[#kept + 2] = 'admitted', job.admitted end
  idempotency.record(job.digest, job.request, job.id, KEEP_MS, unpack(kept))
end

-- Checks above, writes below.
for _, job in ipairs(admitted) do admit(job) end
for _, entry in ipairs(late) do entry[1][2], entry[1][5] = entry[2].id, entry[2].admitted end
fire.advance(answers)
consequences.flush()
return answers
