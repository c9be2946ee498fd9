#!lua flags=allow-oom
-- Deletes finished jobs: those past their retention, or the named ones. A job stays past its retention while its group
-- is unfinished. The retention of a fan-out's items begins when the fan-out finishes, because until then no client can
-- read all results. What other jobs may still read of a named job stays in ended:<id>.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] limit on jobs if none is named
-- ARGV[3] the portion of a bulk action that these jobs are (bulk_portion.lua), "" = none   ARGV[4..] job ids
-- Returns {pruned, ms until the next retention ends or -1, then per named job: moved | illegal (it has not finished) |
--   missing}; {0, -1} if another process has done the portion. If jobs are left (allowance.lua), there are fewer words,
--   or the time is 0
-- Uses: keys, clock, batch, jobs, texts, job_indexes, unique_keys, groups, shared_payloads, queue_names, bulk_portion
-- Uses: tasks, allowance, consequences
local P, now, FINISHED = keys.prefix, clock.now, jobs.FINISHED
-- What deleting the parts of a job, and each of its tags, costs (allowance.lua); with more children than that, a task
-- deletes what was kept of them.
local DELETED, TAG, CHILDREN_AT_MOST = 60, 8, 100
local ids, answer, pruned, left, portion = {}, {0, -1}, 0, {}, bulk_portion.of(ARGV[3])
if portion.stale() then return answer end
for i = 4, #ARGV do ids[#ids + 1] = ARGV[i] end
local named = #ids > 0 or portion.given
if not named then ids = redis.call('ZRANGEBYSCORE', P .. 'retention', '-inf', now, 'LIMIT', 0, ARGV[2]) end

local function is_live(state) return state and state ~= 'failed' and not FINISHED[state] end

-- A child's parent is its last dependent: it finishes after the others, unless it was cancelled.
local function still_needed(id, job)
  local state = job.group and redis.call('HGET', P .. 'group:' .. job.group, 'state')
  if state then return is_live(state) end
  for _, place in ipairs({-1, 0}) do
    local waiting = redis.call('ZRANGE', P .. 'job:' .. id .. ':dependents', place, place)[1]
    if not waiting then return false end
    if is_live(redis.call('HGET', P .. 'job:' .. waiting, 'state')) then return true end
  end
  return false
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

-- Keeps what other jobs may still read of a job that is about to be deleted.
local function keep_end(id, job)
  local key = P .. 'job:' .. id
  local fields, stored = {}, batch.stored
  for _, name in ipairs({'result', 'error', 'options'}) do texts.put(fields, name, texts.read(key, name) or '') end
  redis.call('HSET', P .. 'ended:' .. id, 'state', job.state, 'key', redis.call('HGET', key, 'key') or '',
    unpack(fields))
  -- Quotas do not count what is kept of a deleted job.
  batch.stored = stored
end

local function kept_until(id, job)
  if still_needed(id, job) then return now + 60000 end
  if job.group and groups.is_fan_out(job.group) then
    local at = redis.call('HGET', P .. 'group:' .. job.group, 'finished_at')
    return at and at + job.retention_ms or 0
  end
  return 0
end

local function forget_edges(id, job, key)
  redis.call('UNLINK', key .. ':dependents', key .. ':waits')
  if job.children_token and redis.call('HLEN', key .. ':dependencies') > CHILDREN_AT_MOST then
    return tasks.add('forget_children ' .. id)
  end
  if job.children_token then forget_children(key) end
  -- The process that cancels its children still has to find them.
  if job.children_token and redis.call('ZSCORE', P .. 'tasks', 'cancel_children ' .. id) then return end
  redis.call('UNLINK', key .. ':dependencies')
end

local function forget(id, job)
  local key = P .. 'job:' .. id
  if still_needed(id, job) then keep_end(id, job) else forget_edges(id, job, key) end
  if job.group and redis.call('HEXISTS', key, 'shared') == 1 then shared_payloads.release(job.group) end
  -- A group counts the results of its members, also of deleted ones.
  job.group = nil
  job_indexes.leave(id, job)
  if job.unique then unique_keys.release(id, job, true) end
  local tags = 0
  for tag in string.gmatch(redis.call('HGET', key, 'tags') or '', '[^%z]+') do
    batch.remove(P .. 'tag:' .. tag, id)
    tags = tags + 1
  end
  allowance.spend(job, DELETED + TAG * tags)
  texts.forget_record(key)
  redis.call('UNLINK', key, key .. ':attempts', key .. ':logs')
  batch.note_change(id)
  left[job.queue] = true
  pruned = pruned + 1
end

local before, cut_at, cut_job
for i, id in ipairs(ids) do
  -- A job that exists says where a bulk action continues.
  if before and allowance.is_spent() then
    cut_at, cut_job = ids[i - 1], before
    break
  end
  local job, word = jobs.load(id), 'moved'
  before = job
  if not job then
    word = 'missing'
    batch.remove(P .. 'retention', id)
  elseif not FINISHED[job.state] or portion.spares(id, job) then
    word = 'illegal'
  elseif not named and kept_until(id, job) > now then
    batch.add(P .. 'retention', kept_until(id, job), id)
  else
    forget(id, job)
  end
  if named then
    answer[#answer + 1] = word
    portion.note(word)
  end
end
if pruned > 0 then redis.call('HINCRBY', P .. 'counters', 'pruned', pruned) end
portion.advance(cut_at, cut_job)
consequences.flush()
queue_names.forget_unused(left)
local _, next_end = keys.head(P .. 'retention')
answer[1], answer[2] = pruned, next_end and math.max(0, next_end - now) or -1
return answer
