-- Reads jobs, and moves them as the state machine allows (moves.lua). The only code that writes the state of a job.
-- Uses: keys, moves, batch, traits, job_indexes
local P, following
local arrow, FINISHED = moves.arrow, moves.FINISHED
local NONE = {}
local enter, leave = job_indexes.enter, job_indexes.leave

local function begin() P, following = keys.prefix, {} end

-- A job with these traits. Its table has 16 places, which most jobs do not exceed: a larger one costs more than reading
-- the job, and so does an absent field that is set to nil.
local function of_traits(of)
  return {
    traits = of, queue = of.queue, name = of.name, limit_key = of.limit_key, priority = of.priority,
    retention_ms = of.retention_ms, group = of.group, state = false, version = '1', created_at = false,
  }
end

local FIELDS = {
  'state', 'traits', 'created_at', 'version', 'score', 'token', 'unique', 'unique_until', 'expiry',
  'cancel_requested_at', 'worker_id', 'linked', 'error', 'state_reason', 'children_token', 'callback',
}

-- Also reads staged jobs, which have no state yet.
local function read(id)
  local key = P .. 'job:' .. id
  local values = redis.call('HMGET', key, unpack(FIELDS))
  if not values[2] then return {} end
  local job = of_traits(traits.of(values[2]))
  job.key = key
  for i, value in ipairs(values) do
    if value and i ~= 2 then job[FIELDS[i]] = value end
  end
  return job
end

local function load(id)
  local job = read(id)
  return job.state and job
end

-- A running job as its lease described it: reads only what may have changed since then.
local function held(id, text, created_at)
  local key = P .. 'job:' .. id
  local v = redis.call('HMGET', key, 'state', 'token', 'version', 'cancel_requested_at', 'children_token')
  if not v[1] then return nil end
  local of = traits.of(text)
  return {
    traits = of, queue = of.queue, name = of.name, limit_key = of.limit_key, retention_ms = of.retention_ms,
    group = of.group, state = v[1], token = v[2], version = v[3] or '1', cancel_requested_at = v[4] or nil,
    created_at = created_at, key = key, children_token = v[5] or nil,
  }
end

-- The target of a move, if the state machine allows it from the job's state, and, for a fenced move, if `token` is the
-- current lease's.
local function permits(job, name, token)
  local sources, state, fenced = arrow(name)
  local permitted = string.find(sources, job.state, 1, true) and (not fenced or (token and job.token == token))
  return permitted and state
end

-- Many jobs of a call are in the same version.
local function next_version(version)
  local found = following[version]
  if not found then
    found = string.format('%d', version + 1)
    following[version] = found
  end
  return found
end

local function write(job, state, fields)
  local key, version = job.key, next_version(job.version)
  redis.call('HSET', key, 'state', state, 'version', version, unpack(fields))
  job.state, job.version = state, version
end

-- Gives a job other traits; the caller writes them.
local function put_traits(job, of)
  job.traits, job.queue, job.priority, job.group = of, of.queue, of.priority, of.group
end

-- Moves a job. `at` is its position in the order of the new state; `fields` are written in the same command. Commands
-- check permits() before they write, so an illegal move here is a bug. A job with `to_traits` changes queues.
local function move(id, job, name, at, fields, token)
  local state = permits(job, name, token)
  if not state then error('job ' .. id .. ' may not ' .. name .. ' from ' .. job.state) end
  leave(id, job)
  if job.to_traits then put_traits(job, job.to_traits) end
  enter(id, job, state, at)
  if job.limit_key and FINISHED[state] ~= FINISHED[job.state] then
    batch.count_limit_key(job, FINISHED[state] and -1 or 1)
  end
  write(job, state, fields or NONE)
end

-- Changes a job's position in the order of its state.
local function reorder(id, job, at, fields)
  leave(id, job)
  enter(id, job, job.state, at)
  write(job, job.state, fields)
end

-- Changes fields of a job, but not its state.
local function change(id, job, fields)
  write(job, job.state, fields)
  batch.note_change(id)
end

-- Gives a new job its first state. `fields` must hold everything that was not written before.
local function arrive(id, job, name, at, fields)
  job.state = moves.arrival(name)
  redis.call('HSET', job.key or P .. 'job:' .. id, 'state', job.state, unpack(fields))
  enter(id, job, job.state, at)
  if job.limit_key and not FINISHED[job.state] then batch.count_limit_key(job, 1) end
end

-- How often a job has been claimed.
local function deliveries(token) return tonumber(string.match(token or '0', '^%d+')) end

-- Ends the lease: what its last holder writes is rejected as stale.
local function end_lease(job) redis.call('HSET', job.key, 'token', deliveries(job.token) .. ':') end

-- When a job was last queued, from its fields `queued_at` and `created_at`: the former is absent if the job was queued
-- on arrival, and '' if it has never been queued.
local function queued_at(text, created_at) return tonumber(text or created_at or nil) end

return {
  begin = begin,
  of_traits = of_traits, read = read, load = load, held = held, permits = permits, put_traits = put_traits, move = move,
  reorder = reorder, change = change, arrive = arrive, deliveries = deliveries, end_lease = end_lease,
  queued_at = queued_at, FINISHED = moves.FINISHED,
}
