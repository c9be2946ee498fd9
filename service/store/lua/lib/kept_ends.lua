-- What stays of a deleted job while others may still read it: its result in ended:<id>, and its dependencies.
-- Uses: keys, batch, jobs, texts, stored_bytes, tasks, changed_records
local P
-- With more children than that, a task deletes what was kept of them.
local CHILDREN_AT_MOST = 100

local function begin() P = keys.prefix end

local function is_live(state) return state and state ~= 'failed' and not jobs.FINISHED[state] end

-- The record, of a group or of another job, for which the end of a job must be kept; nil if there is none. A child's
-- parent is its last dependent: it finishes after the others, unless it was cancelled.
local function needed_by(id, job)
  local group = job.group and P .. 'group:' .. job.group
  local state = group and redis.call('HGET', group, 'state')
  if state then return is_live(state) and group or nil end
  for _, place in ipairs({-1, 0}) do
    local waiting = redis.call('ZRANGE', P .. 'job:' .. id .. ':dependents', place, place)[1]
    if not waiting then return nil end
    local record = P .. 'job:' .. waiting
    if is_live(redis.call('HGET', record, 'state')) then return record end
  end
end

-- Deletes what was kept of the children for their parent.
local function forget_children(key)
  for _, edge in ipairs(redis.call('HVALS', key .. ':dependencies')) do
    local child = string.match(edge, '^3 (.+)$')
    if child and redis.call('UNLINK', P .. 'ended:' .. child) == 1 then
      child = P .. 'job:' .. child
      redis.call('UNLINK', child .. ':dependents', child .. ':dependencies', child .. ':waits')
    end
  end
end

-- Deletes the dependencies of a finished job.
local function forget_dependencies(id, job, key)
  if job.children_token and redis.call('HLEN', key .. ':dependencies') > CHILDREN_AT_MOST then
    return tasks.add('forget_children ' .. id)
  end
  if job.children_token then forget_children(key) end
  -- The process that cancels its children still has to find them.
  if job.children_token and redis.call('ZSCORE', P .. 'tasks', 'cancel_children ' .. id) then return end
  redis.call('UNLINK', key .. ':dependencies')
end

-- Keeps what other jobs may still read of a job that is about to be deleted. It counts for the record that needs it.
local function keep_end(id, job, record)
  local key = P .. 'job:' .. id
  local fields, stored = {}, batch.stored
  for _, name in ipairs({'result', 'error', 'options'}) do texts.put(fields, name, texts.read(key, name) or '') end
  redis.call('HSET', P .. 'ended:' .. id, 'state', job.state, 'key', redis.call('HGET', key, 'key') or '',
    unpack(fields))
  local bytes = stored_bytes.END + batch.stored - stored
  batch.stored = stored
  -- No job reads the results of its children any more. Those in a flow are kept for the flow.
  if job.children_token and not job.group then
    forget_dependencies(id, job, key)
  else
    bytes = bytes + stored_bytes.of_dependencies(key)
  end
  stored_bytes.add(record, bytes)
  changed_records.note_quietly({string.match(record, '[^:]+$')})
end

-- Keeps what is needed of a job that is about to be deleted, and deletes its other keys.
local function leave(id, job)
  local key, record = P .. 'job:' .. id, needed_by(id, job)
  if record then return keep_end(id, job, record) end
  redis.call('UNLINK', key .. ':dependents', key .. ':waits')
  forget_dependencies(id, job, key)
end

return {begin = begin, needed_by = needed_by, leave = leave}
