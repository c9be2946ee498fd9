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
-- Uses: keys, clock, batch, jobs, stored_bytes, kept_ends, job_indexes, unique_keys, groups, shared_payloads
-- Uses: queue_names, bulk_portion, allowance, consequences
local P, now, FINISHED = keys.prefix, clock.now, jobs.FINISHED
-- What deleting the parts of a job, and each of its tags, costs (allowance.lua).
local DELETED, TAG = 60, 8
local ids, answer, pruned, left, portion = {}, {0, -1}, 0, {}, bulk_portion.of(ARGV[3])
if portion.stale() then return answer end
for i = 4, #ARGV do ids[#ids + 1] = ARGV[i] end
local named = #ids > 0 or portion.given
if not named then ids = redis.call('ZRANGEBYSCORE', P .. 'retention', '-inf', now, 'LIMIT', 0, ARGV[2]) end

local function kept_until(id, job)
  if kept_ends.needed_by(id, job) then return now + 60000 end
  if job.group and groups.is_fan_out(job.group) then
    local at = redis.call('HGET', P .. 'group:' .. job.group, 'finished_at')
    return at and at + job.retention_ms or 0
  end
  return 0
end

local function forget(id, job)
  local key = P .. 'job:' .. id
  stored_bytes.forget_job(key)
  kept_ends.leave(id, job)
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
