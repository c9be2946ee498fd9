#!lua
-- Admit a batch of jobs: idempotency record, unique key, job, index and wake-up, all or nothing per job.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (see job_indexes.lua)   ARGV[2] milliseconds that an idempotency record is kept
-- ARGV[3] the slots that these jobs fire (see schedule_firing.lua), "" = none
-- ARGV[4] queues of the namespace at most   ARGV[5..] per job 20 values: id, name, queue, limit_key, priority, delay_ms, run_at, expires_ms, deadline_ms,
--   retention_ms, payload, options (JSON), tags ("key:value" joined by \0), unique key, unique until
--   ("started", "finished", ms, or "result <ms>": see unique_keys.lua), on conflict, idempotency digest, digest of the request,
--   what its record keeps beside the options, failures; "" = absent
-- Returns per job {word, id, at, options, admitted}: created | duplicate, replayed, reused (see idempotency.lua) | existing |
--   conflict (unique key) | replaced (see replace_unique.lua) | too_many_queues | full | skipped (the schedule's last run is not over); nothing
--   when somebody else has fired the slots. admitted: "created_at version state run_at" if not as it was sent
-- Uses: job_indexes
-- Uses: groups
-- Uses: time_limits
-- Uses: queue_names
-- Uses: schedule_firing
-- Uses: idempotency
-- Uses: replace_unique
local WIDTH = 20
local answers, admitted, keys_here, depth, late = {}, {}, {}, {}, {}
local fire = firing(ARGV[3])
if fire.stale() then return {} end

local function text(value) if value ~= '' then return value end end

local function refusal(job)
  local before, here = answered(job, keys_here)
  if before then return before, here end
  if fire.overlaps(#admitted) then return {'skipped', '-', now, job.options} end
  if job.unique and job.conflict ~= 'replace' then
    local key = unique_keys(job)
    local here, holder = keys_here[key], redis.call('GET', key)
    if here or (holder and redis.call('EXISTS', P .. 'job:' .. holder) == 1) then
      return {job.conflict == 'reject' and 'conflict' or 'existing', here and here.id or holder, now, job.options}, here
    end
  end
  if not may_name(job.queue, tonumber(ARGV[4])) then return {'too_many_queues', job.id, now, job.options} end
  local limit = tonumber(setting(job.queue, 'max_depth') or nil)
  if limit then
    depth[job.queue] = depth[job.queue] or redis.call('ZCARD', queue_key(job.queue, 'queued'))
    if depth[job.queue] >= limit then return {'full', job.id, now, job.options} end
    depth[job.queue] = depth[job.queue] + 1
  end
end

for i = 5, #ARGV, WIDTH do
  local job = {
    id = ARGV[i], name = ARGV[i + 1], queue = ARGV[i + 2], limit_key = text(ARGV[i + 3]), priority = tonumber(ARGV[i + 4]),
    due = tonumber(ARGV[i + 6]) or now + tonumber(ARGV[i + 5]), expires_ms = tonumber(ARGV[i + 7]), deadline_ms = tonumber(ARGV[i + 8]),
    retention_ms = ARGV[i + 9], payload = ARGV[i + 10], options = ARGV[i + 11], tags = text(ARGV[i + 12]), unique = text(ARGV[i + 13]),
    until_ = ARGV[i + 14], conflict = ARGV[i + 15], digest = text(ARGV[i + 16]), request = ARGV[i + 17], wish = text(ARGV[i + 18]),
    failures = ARGV[i + 19], created_at = now,
  }
  local answer, here = refusal(job)
  if here then late[#late + 1] = {answer, here} end
  if not answer then
    answer = {'created', job.id, now, job.options}
    job.answer = answer
    admitted[#admitted + 1] = job
    if job.digest then keys_here['i' .. job.digest] = {job.request, job.id, now, job.options, job = job} end
    if job.unique then keys_here[unique_keys(job)] = job end
  end
  answers[#answers + 1] = answer
end

-- Checks above, writes below.
for _, job in ipairs(admitted) do
  if job.unique and job.conflict == 'replace' then take_over(job) end
  local id, state, at, due = job.id, 'queued', 0, math.max(job.due, job.not_before or 0)
  local fields = {'v', 1, 'version', job.version or 1, 'name', job.name, 'queue', job.queue, 'priority', job.priority, 'payload', job.payload,
    'options', job.options, 'created_at', job.created_at, 'retention_ms', job.retention_ms}
  local function put(field, value) fields[#fields + 1] = field; fields[#fields + 1] = value end
  if job.waits then
    state = 'blocked'
    put('run_at', math.max(due, now))
  elseif due > now then
    state, at = 'scheduled', due
    put('run_at', due)
  else
    at = running_order(job.queue, job.priority, now)
    put('run_at', now); put('queued_at', now); put('score', at)
  end
  put('state', state)
  if job.limit_key then put('limit_key', job.limit_key) end
  time_limits(id, put, job.expires_ms, job.deadline_ms, now)
  if job.failures ~= '0' then put('failures', job.failures) end
  if job.not_before then put('not_before', job.not_before) end
  if job.version or job.waits or job.not_before then
    job.admitted = string.format('%s %s %s %.0f', job.created_at, job.version or 1, state, math.max(due, now))
    put('admitted', job.admitted)
    if job.version then job.answer[1] = 'replaced' end
    job.answer[2], job.answer[5] = id, job.admitted
  end
  if job.unique then
    put('unique', job.unique); put('unique_until', job.until_)
    hold(job)
  end
  if job.tags then
    put('tags', job.tags)
    for tag in string.gmatch(job.tags, '[^%z]+') do append(added, P .. 'tag:' .. tag, job.created_at, id) end
  end
  if job.digest then record(job, ARGV[2]) end
  redis.call('HSET', P .. 'job:' .. id, unpack(fields))
  enter(id, job, state, at)
  create_name(job.queue)
  rate(job.queue, 'enqueued')
end
for _, entry in ipairs(late) do entry[1][2], entry[1][5] = entry[2].id, entry[2].admitted end
fire.advance(answers)
flush()
return answers
