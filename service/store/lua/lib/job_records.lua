-- Creates the records of jobs, and resets them for a new run.
-- Uses: keys, clock, batch, jobs, queue_settings, queue_names, time_limits
local P, now = keys.prefix, clock.now

local function text(value)
  if value ~= '' then return value end
end

-- The values of a job spec, in the order in which scripts receive them.
local SPEC = {
  'name', 'queue', 'limit_key', 'priority', 'delay_ms', 'due_at', 'expires_ms', 'deadline_ms', 'retention_ms',
  'payload', 'options', 'tags',
}

-- Reads a spec from values[first]; "" = absent, tags are "key:value" joined by \0.
local function spec(values, first)
  return {
    name = values[first], queue = values[first + 1], limit_key = text(values[first + 2]), priority = values[first + 3],
    delay_ms = values[first + 4], due_at = text(values[first + 5]), expires_ms = text(values[first + 6]),
    deadline_ms = text(values[first + 7]), retention_ms = values[first + 8], payload = values[first + 9],
    options = values[first + 10], tags = text(values[first + 11]), created_at = now, group = nil, first_limit = nil,
    state = nil, lane_key = nil, limiters = nil,
  }
end

-- When a job with that spec may run.
local function due_of(job) return tonumber(job.due_at) or now + job.delay_ms end

local function push(fields, field, value)
  local count = #fields
  fields[count + 1], fields[count + 2] = field, value
end

-- All fields of a new record except its position, which start() adds before it writes them.
local function fields_of(job)
  local fields = {
    'v', 1, 'version', job.version or 1, 'name', job.name, 'queue', job.queue, 'priority', job.priority,
    'payload', job.payload, 'options', job.options, 'created_at', job.created_at, 'retention_ms', job.retention_ms,
  }
  if job.limit_key then push(fields, 'limit_key', job.limit_key) end
  if job.tags then push(fields, 'tags', job.tags) end
  if job.group then push(fields, 'group', job.group) end
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
    push(fields, 'queued_at', now)
    push(fields, 'score', at)
  end
  push(fields, 'run_at', math.max(due, now))
  if job.first_limit and arrival ~= 'refuse' then time_limits.watch(id, fields, job.first_limit) end
  for tag in string.gmatch(job.tags or '', '[^%z]+') do batch.add(P .. 'tag:' .. tag, job.created_at, id) end
  jobs.arrive(id, job, arrival, at, fields)
  queue_names.create(job.queue)
  batch.count_rate(job.queue, 'enqueued')
end

-- Removes the results of earlier runs, for a new run from `from`. The caller writes `fields` with the move.
local function reset_run(id, job, fields, from)
  local key = P .. 'job:' .. id
  redis.call('HINCRBY', key, 'redriven', 1)
  redis.call('HDEL', key, 'state_reason', 'error', 'result', 'progress', 'finished_at', 'started_at', 'worker_id',
    'token', 'suspect', 'losses', 'cancel_requested_at', 'cancel_reason', 'cancel_message', 'expires_at',
    'deadline_at', 'expiry', 'deferrals', 'delay_ms', 'due_at')
  job.cancel_requested_at = nil
  push(fields, 'failures', 0)
  push(fields, 'crashes', 0)
  time_limits.renew(id, fields, from)
end

return {
  SPEC = SPEC, spec = spec, due_of = due_of, push = push, fields = fields_of, waiting_fields = waiting_fields_of,
  start = start, reset_run = reset_run,
}
