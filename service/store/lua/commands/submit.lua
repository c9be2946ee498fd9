#!lua
-- Admits a batch of jobs: idempotency record, unique key, job, index and wake-up, all or nothing per job.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] how long an idempotency record is kept (ms)
-- ARGV[3] the fire times of a schedule that these jobs are for (schedule_firing.lua), "" = none
-- ARGV[4] limit on queues per namespace   ARGV[5..] per job: id, traits (traits.lua), payload, options, then a number
--   of further values, each a name and a value: delay_ms, due_at, expires_ms, deadline_ms, tags ("key:value" joined by
--   \0), unique, unique_until ("started", "finished", ms, or "result <ms>": unique_keys.lua), conflict, digest and
--   request (of its idempotency), kept_spec (for its idempotency record), failures
-- Returns per job its created_at, or, if it is not as it was sent, {word, id, at, options, admitted, traits}: created |
--   duplicate (this id was admitted before) | replayed, reused (idempotency.lua) | existing, conflict (unique
--   key) | replaced (replace_unique.lua; also if this submission replaced a waiting job before) | too_many_queues |
--   full | quota_exceeded (id: the quota and its limit) | skipped (the schedule's last run has not finished); nothing
--   if another process has fired these times.
--   admitted: "created_at version state run_at", if they differ from what was sent
-- Uses: keys, clock, texts, job_records, queue_settings, queue_names, unique_keys, schedule_firing, idempotency
-- Uses: replace_unique, quotas, consequences
local P, now, push = keys.prefix, clock.now, job_records.push
local KEEP_MS, MOST_QUEUES = ARGV[2], tonumber(ARGV[4])
local results, admitted, late, NONE, some_exist, limited = {}, {}, {}, {}, false, false
-- Jobs of this batch, by unique key and by idempotency digest.
local by_unique, by_digest = {}, {}
local fire = schedule_firing.of(ARGV[3])
if fire.stale() then return {} end

-- The result of a submission that was not stored as it was sent.
local function reply(word, id, at, options, admission, text)
  return {word, id, at, options or '', admission or '', text or ''}
end

-- The result of an earlier submission with this id or key. The second value is a job of this batch that still has to
-- complete that result.
local function find_replay(job)
  local key = P .. 'job:' .. job.id
  local before = some_exist and redis.call('HMGET', key, 'created_at', 'admitted', 'traits') or NONE
  if before[1] then return reply('duplicate', job.id, before[1], texts.read(key, 'options'), before[2], before[3]) end
  if job.conflict == 'replace' then
    local replacement = redis.call('HMGET', P .. 'replacement:' .. job.id, 'id', 'at', 'admitted')
    if replacement[1] then
      return reply('replaced', replacement[1], replacement[2], job.options, replacement[3], job.traits.text)
    end
  end
  local here = by_digest[job.digest]
  local word = here and here.request == job.request and 'replayed' or 'reused'
  if here then return reply(word, here.id, now, here.options, nil, here.traits.text), here end
  return idempotency.find(job.digest, job.request)
end

local function held_key(job)
  if not job.unique or job.conflict == 'replace' then return nil end
  local key = unique_keys.of(job)
  local here, holder = by_unique[key], redis.call('GET', key)
  if here or (holder and redis.call('EXISTS', P .. 'job:' .. holder) == 1) then
    return reply(job.conflict == 'reject' and 'conflict' or 'existing', here and here.id or holder, now), here
  end
end

local function refusal(job)
  local result, here = find_replay(job)
  if result then return result, here end
  if fire.overlaps(#admitted) then return reply('skipped', '-', now) end
  result, here = held_key(job)
  if result then return result, here end
  if not queue_names.may_use(job.queue, MOST_QUEUES) then return reply('too_many_queues', job.id, now) end
  if not queue_settings.add_one(job.queue) then return reply('full', job.id, now) end
  local quota = limited and quotas.exceeded_by(job, job_records.size(job), job.unique and unique_keys.of(job),
    idempotency.size(job.digest, #job.traits.text + #(job.options or '') + #(job.kept_spec or '')))
  if quota then return reply('quota_exceeded', quota, now) end
end

-- The job whose values begin at ARGV[i], and the index behind them.
local function read(i)
  local job, first, last = job_records.new(ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]), i + 5, i + 4 + 2 * ARGV[i + 4]
  job.id, job.digest = ARGV[i], ''
  for j = first, last, 2 do job[ARGV[j]] = ARGV[j + 1] end
  return job, last + 1
end

local submitted, names, at = {}, {}, 5
while at <= #ARGV do
  names[#names + 1] = P .. 'job:' .. ARGV[at]
  submitted[#names], at = read(at)
end
-- One check for all of them: usually each is new, and the namespace has no quotas.
names[#names + 1] = P .. 'quotas'
local existing = redis.call('EXISTS', unpack(names))
limited = existing > 0 and quotas.read()
some_exist = existing > (limited and 1 or 0)
for i, job in ipairs(submitted) do
  local result, here = refusal(job)
  if here then late[#late + 1] = {result, here} end
  if not result then
    result = {'created', job.id, now}
    job.reply = result
    admitted[#admitted + 1] = job
    if job.digest ~= '' then by_digest[job.digest] = job end
    if job.unique then by_unique[unique_keys.of(job)] = job end
  end
  results[i] = result
end

-- If a job replaced another or waits for its turn, its record says how it was admitted.
local function note_admission(job, run_at)
  local replaces = job.version ~= '1'
  if not (replaces or job.waits or job.not_before) then return end
  job.admitted = string.format('%s %s %s %.0f', job.created_at, job.version, job.state, run_at)
  redis.call('HSET', P .. 'job:' .. job.id, 'admitted', job.admitted)
  local result = reply(replaces and 'replaced' or 'created', job.id, now, job.options, job.admitted, job.traits.text)
  for i, value in ipairs(result) do job.reply[i] = value end
end

local function admit(job)
  if job.unique and job.conflict == 'replace' then replace_unique.take_over(job) end
  local fields = job_records.fields(job)
  if job.failures then push(fields, 'failures', job.failures) end
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
  local kept = {'traits', job.traits.text, 'options', job.options or ''}
  if job.kept_spec then push(kept, 'spec', job.kept_spec) end
  if job.admitted then push(kept, 'admitted', job.admitted) end
  idempotency.record(job.digest, job.request, job.id, KEEP_MS, kept)
end

-- Checks above, writes below.
for _, job in ipairs(admitted) do admit(job) end
for _, entry in ipairs(late) do entry[1][2], entry[1][5] = entry[2].id, entry[2].admitted or '' end
fire.advance(results)
consequences.flush()
for i, result in ipairs(results) do results[i] = #result == 3 and now or result end
return results
