-- Reads jobs, and moves them as the state machine allows (moves.lua). The only code that writes the state of a job.
-- Uses: keys, moves, batch, job_indexes
local P = keys.prefix
local arrow = moves.arrow
local NONE = {}
local enter, leave = job_indexes.enter, job_indexes.leave

-- Also reads staged jobs, which have no state yet.
local function read(id)
  local v = redis.call('HMGET', P .. 'job:' .. id, 'state', 'queue', 'name', 'created_at', 'limit_key', 'priority',
    'score', 'token', 'retention_ms', 'unique', 'unique_until', 'expiry', 'cancel_requested_at', 'worker_id', 'group',
    'linked', 'version', 'error', 'state_reason', 'children_token')
  -- In one piece: a table that grows field by field costs more than reading the job.
  return {
    state = v[1] or nil, queue = v[2], name = v[3], created_at = v[4], limit_key = v[5] or nil, priority = v[6],
    score = v[7] or nil, token = v[8] or nil, retention_ms = v[9], unique = v[10] or nil, unique_until = v[11] or nil,
    expiry = v[12] or nil, cancel_requested_at = v[13] or nil, worker_id = v[14] or nil, group = v[15] or nil,
    linked = v[16] or nil, version = v[17], error = v[18] or nil, state_reason = v[19] or nil,
    children_token = v[20] or nil, lane_key = nil, limiters = nil,
  }
end

local function load(id)
  local job = read(id)
  return job.state and job
end

-- The target of a move, if the state machine allows it from the job's state, and, for a fenced move, if `token` is the
-- current lease's.
local function permits(job, name, token)
  local sources, state, fenced = arrow(name)
  local permitted = string.find(sources, job.state, 1, true) and (not fenced or (token and job.token == token))
  return permitted and state
end

local function write(id, job, state, fields)
  local version = job.version + 1
  redis.call('HSET', P .. 'job:' .. id, 'state', state, 'version', version, unpack(fields))
  job.state, job.version = state, version
end

-- Moves a job. `at` is its position in the order of the new state; `fields` are written in the same command. Commands
-- check permits() before they write, so an illegal move here is a bug. A job with `to_queue` changes queues.
local function move(id, job, name, at, fields, token)
  local state = permits(job, name, token)
  if not state then error('job ' .. id .. ' may not ' .. name .. ' from ' .. job.state) end
  leave(id, job)
  if job.to_queue then job.queue = job.to_queue end
  enter(id, job, state, at)
  write(id, job, state, fields or NONE)
end

-- Changes a job's position in the order of its state.
local function reorder(id, job, at, fields)
  leave(id, job)
  enter(id, job, job.state, at)
  write(id, job, job.state, fields)
end

-- Changes fields of a job, but not its state.
local function change(id, job, fields)
  write(id, job, job.state, fields)
  batch.note_change(id)
end

-- Gives a new job its first state. `fields` must hold everything that was not written before.
local function arrive(id, job, name, at, fields)
  job.state = moves.arrival(name)
  redis.call('HSET', P .. 'job:' .. id, 'state', job.state, unpack(fields))
  enter(id, job, job.state, at)
end

-- Keeps what other jobs may still read of a job that is about to be deleted.
local function keep_end(id, job)
  local kept = redis.call('HMGET', P .. 'job:' .. id, 'result', 'error', 'key', 'options')
  redis.call('HSET', P .. 'ended:' .. id, 'state', job.state, 'result', kept[1] or '', 'error', kept[2] or '',
    'key', kept[3] or '', 'options', kept[4] or '')
end

return {
  read = read, load = load, permits = permits, move = move, reorder = reorder, change = change,
  arrive = arrive, keep_end = keep_end, FINISHED = moves.FINISHED,
}
