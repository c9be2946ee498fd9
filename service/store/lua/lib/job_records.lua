-- Creates the records of jobs, and resets them for a new run.
-- Uses: keys, clock, batch, jobs, traits, texts, stored_bytes, queue_settings, queue_names
-- Uses: time_limits
local P, now, now_text
local push = texts.push

-- The values of a job spec, in the order in which scripts receive them.
local SPEC = {
  'traits', 'payload', 'options', 'delay_ms', 'due_at', 'expires_ms', 'deadline_ms', 'tags', 'callback',
}

local function begin() P, now, now_text = keys.prefix, clock.now, clock.text end

-- A new job with these traits; options "" = the defaults.
local function new(traits_text, payload, options)
  local job = jobs.of_traits(traits.of(traits_text))
  job.payload, job.created_at, job.delay_ms = payload, now_text, 0
  if options ~= '' then job.options = options end
  return job
end

-- Reads a spec from values[first]; "" = absent, tags are "key:value" joined by \0.
local function spec(values, first)
  local job = new(values[first], values[first + 1], values[first + 2])
  for i = 4, #SPEC do
    local value = values[first + i - 1]
    if value ~= '' then job[SPEC[i]] = value end
  end
  return job
end

-- What quotas count for a new job.
local function size_of(job)
  local tags = stored_bytes.of_tags(job.tags or '')
  return stored_bytes.JOB + #job.payload + #(job.options or '') + tags + #(job.callback or '')
end

-- When a job with that spec may run.
local function due_of(job) return tonumber(job.due_at) or now + job.delay_ms end

-- All fields of a new record except its position, which start() adds before it writes them. Defaults are not stored:
-- the version is 1, and a job that is queued on arrival was queued when it was created.
local function fields_of(job)
  local fields = {'traits', job.traits.text, 'created_at', job.created_at}
  if job.version ~= '1' then push(fields, 'version', job.version) end
  texts.put(fields, 'payload', job.payload)
  if job.options then texts.put(fields, 'options', job.options) end
  batch.stored = batch.stored + stored_bytes.JOB
  if job.tags then
    push(fields, 'tags', job.tags)
    batch.stored = batch.stored + stored_bytes.of_tags(job.tags)
  end
  if job.callback then texts.put(fields, 'callback', job.callback) end
  if job.expires_ms or job.deadline_ms then
    job.first_limit = time_limits.put(fields, job.expires_ms, job.deadline_ms, now)
  end
  return fields
end

-- The fields of a job that will start after its dependencies: they keep its delay or its time.
local function waiting_fields_of(job)
  local fields = fields_of(job)
  push(fields, 'delay_ms', job.delay_ms)
  if job.due_at then push(fields, 'due_at', job.due_at) end
  return fields
end

-- Starts the life of a job: as `arrival` (moves.lua), or else queued or scheduled, depending on `due`. `fields` are
-- written with it. A queued job goes behind jobs that were queued before `since`.
local function start(id, job, fields, due, arrival, since)
  local at = 0
  if arrival == 'refuse' then
    at = now + job.retention_ms
  elseif not arrival and due > now then
    arrival, at = 'schedule', due
  elseif not arrival then
    arrival, at = 'enqueue', queue_settings.running_order(job.queue, job.priority, since or now)
  end
  if arrival ~= 'enqueue' or job.created_at ~= now_text or due > now then
    push(fields, 'queued_at', arrival == 'enqueue' and now or '')
    push(fields, 'run_at', math.max(due, now))
  end
  if job.first_limit and arrival ~= 'refuse' then time_limits.watch(id, fields, job.first_limit) end
  for tag in string.gmatch(job.tags or '', '[^%z]+') do batch.add(P .. 'tag:' .. tag, job.created_at, id) end
  jobs.arrive(id, job, arrival, at, fields)
  if arrival == 'refuse' then batch.note_event(id, job) end
  queue_names.create(job.queue)
  batch.count_rate(job.queue, 'enqueued')
end

-- Removes the results of earlier runs, for a new run from `from`. The caller writes `fields` with the move.
local function reset_run(id, job, fields, from)
  local key = P .. 'job:' .. id
  redis.call('HINCRBY', key, 'redriven', 1)
  redis.call('HDEL', key, 'state_reason', 'progress', 'finished_at', 'started_at', 'worker_id', 'suspect', 'losses',
    'cancel_requested_at', 'cancel_reason', 'cancel_message', 'expires_at', 'deadline_at', 'expiry', 'deferrals',
    'delay_ms', 'due_at')
  texts.drop(key, 'error')
  texts.drop(key, 'result')
  if job.token then jobs.end_lease(job) end
  job.cancel_requested_at = nil
  push(fields, 'failures', 0)
  push(fields, 'crashes', 0)
  time_limits.renew(id, fields, from)
end

return {
  begin = begin, SPEC = SPEC, new = new, spec = spec, size = size_of, due_of = due_of, push = push, fields = fields_of,
  waiting_fields = waiting_fields_of, start = start, reset_run = reset_run,
}
