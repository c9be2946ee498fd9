-- The sorted sets that must have an entry for a job, and those that must not: stated here a second time, so that an
-- audit (job_audit.lua) compares the indexes with something that did not write them.
-- Uses: keys, clock, jobs, moves, lanes, queue_settings
local P, now, FINISHED, states, lease_ms, dead_ms, grace_ms
local MORE = {
  'tags', 'fingerprint', 'started_at', 'run_at', 'finished_at', 'expires_at', 'deadline_at', 'queued_at', 'shared',
}

local function begin()
  P, now, FINISHED = keys.prefix, clock.now, jobs.FINISHED
  lease_ms, dead_ms, grace_ms, states = 60000, 0, 60000, {}
  for name in string.gmatch(moves.STATES, '%a+') do states[#states + 1] = name end
end

-- For entries that are added again: the length of a lease, the shortest retention of a dead job, and the grace of a
-- cancel request (ms).
local function set_terms(lease, dead, grace)
  lease_ms, dead_ms, grace_ms = tonumber(lease), tonumber(dead), tonumber(grace)
end

-- A job with what an audit needs; `traits` is absent if there is no record, or one that cannot be read.
local function read(id)
  local job = jobs.read(id)
  if not job.traits then return job end
  for i, value in ipairs(redis.call('HMGET', job.key, unpack(MORE))) do job[MORE[i]] = value or nil end
  return job
end

-- Whether the record says which state the job is in, and since when it exists.
local function is_readable(job)
  local known = string.find(' ' .. moves.STATES .. ' ', ' ' .. (job.state or '-') .. ' ', 1, true)
  return known and tonumber(job.created_at) ~= nil
end

local function due_at(id, job)
  return redis.call('ZSCORE', P .. 'due', id) or redis.call('ZSCORE', keys.queue(job.queue, 'due'), id)
    or job.run_at or now
end

-- A job that has been claimed before keeps the place that it had.
local function place_of(job)
  local queued_at = jobs.queued_at(job.queued_at, job.created_at) or now
  local back = job.started_at and job.score and queued_at < tonumber(job.started_at)
  return back and job.score or queue_settings.running_order(job.queue, job.priority, queued_at)
end

local function retained_until(job)
  local keep = tonumber(job.retention_ms)
  if job.state == 'dead' then keep = math.max(keep, dead_ms) end
  return (tonumber(job.finished_at) or now) + keep
end

local function first_limit(job)
  return math.min(tonumber(job.expires_at) or math.huge, tonumber(job.deadline_at) or math.huge)
end

-- Calls visit(key, want, at, score) for each place of a job: `want` says whether there must be an entry (nil = there
-- may be one), `at` is the score with which to add it, and `score` its score if only one is right.
local function each(id, job, visit)
  local state, queue, created_at = job.state, job.queue, tonumber(job.created_at)
  for _, name in ipairs(states) do visit(keys.queue(queue, name), name == state, created_at, created_at) end
  local is_due, is_over = state == 'scheduled' or state == 'retrying', FINISHED[state] or false
  local due = is_due and due_at(id, job)
  visit(P .. 'due', is_due, due)
  visit(keys.queue(queue, 'due'), is_due, due, tonumber(due or nil))
  visit(P .. 'leases', state == 'running', now + lease_ms)
  visit(P .. 'retention', is_over, is_over and retained_until(job))
  visit(lanes.key(job), state == 'queued', state == 'queued' and place_of(job))
  local first = not is_over and job.expiry and first_limit(job) or math.huge
  if first == math.huge then
    visit(P .. 'expiry', false)
  elseif job.started_at then
    visit(P .. 'expiry', nil, first)
  else
    visit(P .. 'expiry', true, first)
  end
  visit(P .. 'cancelling', state == 'running' and job.cancel_requested_at ~= nil, now + grace_ms)
  for tag in string.gmatch(job.tags or '', '[^%z]+') do visit(P .. 'tag:' .. tag, true, created_at, created_at) end
  if job.fingerprint then
    visit(P .. 'dead_group:' .. job.fingerprint .. ':jobs', state == 'dead', created_at, created_at)
  end
end

-- Whether an entry for the job may be in `key`, which is most often the set of its state, its lane, or its order.
local function may_be_in(key, id, job)
  if key == keys.queue(job.queue, job.state) then return true end
  if job.state == 'queued' and key == lanes.key(job) then return true end
  if FINISHED[job.state] and key == P .. 'retention' then return true end
  local found = false
  each(id, job, function(place, want) found = found or (place == key and want ~= false) end)
  return found
end

return {
  begin = begin, set_terms = set_terms, read = read, is_readable = is_readable, each = each,
  may_be_in = may_be_in,
}
