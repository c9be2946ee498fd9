#!lua flags=allow-oom
-- Forget finished jobs: those past their retention, or the ones that are named. A member of a group that goes on is kept
-- past its retention, and the retention of a fan-out's items begins when it has ended: until then nobody can read all results.
-- Of a job that is named, what others may still read stays in ended:<id>.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] jobs at most when none is named
-- ARGV[3] the portion of a bulk action that this is (see bulk_portion.lua), "" = none   ARGV[4..] job ids
-- Returns {pruned, ms until the next retention ends or -1, then per named job: moved | illegal (it has not finished) | missing}; {0, -1} when somebody else has done the portion
-- Uses: job_indexes
-- Uses: bulk_portion
-- Uses: shared_payloads
-- Uses: queue_names
local ids, answer, pruned, left, portion = {}, {0, -1}, 0, {}, acting(ARGV[3])
if portion.stale() then return answer end
for i = 4, #ARGV do ids[#ids + 1] = ARGV[i] end
local named = #ids > 0 or portion.given
if not named then ids = redis.call('ZRANGEBYSCORE', P .. 'retention', '-inf', now, 'LIMIT', 0, ARGV[2]) end

local function goes_on(state) return state and state ~= 'failed' and not FINISHED[state] end

-- Of a child's dependents the job that added it comes last: it ends after the others, unless it was cancelled.
local function still_needed(id, job)
  local state = job.group and redis.call('HGET', P .. 'group:' .. job.group, 'state')
  if state then return goes_on(state) end
  for _, place in ipairs({-1, 0}) do
    local waiting = redis.call('ZRANGE', P .. 'job:' .. id .. ':dependents', place, place)[1]
    if not waiting then return false end
    if goes_on(redis.call('HGET', P .. 'job:' .. waiting, 'state')) then return true end
  end
  return false
end

-- What was kept of children for the job that added them.
local function forget_children(key)
  for _, edge in ipairs(redis.call('HVALS', key .. ':dependencies')) do
    local child = string.match(edge, '^3 (.+)$')
    if child and redis.call('UNLINK', P .. 'ended:' .. child) == 1 then
      child = P .. 'job:' .. child
      redis.call('UNLINK', child .. ':dependents', child .. ':dependencies', child .. ':waits')
    end
  end
end

local function kept_until(id, job)
  if still_needed(id, job) then return now + 60000 end
  if job.group and string.sub(job.group, 1, 4) == 'fan_' then
    local at = redis.call('HGET', P .. 'group:' .. job.group, 'finished_at')
    return at and at + job.retention_ms or 0
  end
  return 0
end

for _, id in ipairs(ids) do
  local job, key, word = load(id), P .. 'job:' .. id, 'moved'
  if not job then
    word = 'missing'
    append(removed, P .. 'retention', id)
  elseif not FINISHED[job.state] or portion.spares(id, job) then
    word = 'illegal'
  elseif not named and kept_until(id, job) > now then
    append(added, P .. 'retention', kept_until(id, job), id)
  else
    if still_needed(id, job) then
      local kept = redis.call('HMGET', key, 'result', 'error', 'key', 'options')
      redis.call('HSET', P .. 'ended:' .. id, 'state', job.state, 'result', kept[1] or '', 'error', kept[2] or '', 'key', kept[3] or '', 'options', kept[4] or '')
    else
      if job.parked_by then forget_children(key) end
      redis.call('UNLINK', key .. ':dependents', key .. ':waits')
      -- Whoever cancels its children still has to find them.
      if not (job.parked_by and redis.call('ZSCORE', P .. 'tasks', 'cancel_children ' .. id)) then redis.call('UNLINK', key .. ':dependencies') end
    end
    if job.group and redis.call('HEXISTS', key, 'shared') == 1 then release_payload(job.group) end
    -- What a group counts is what became of its members, not what is kept of them.
    job.group = nil
    leave(id, job)
    release_unique(id, job, true)
    for tag in string.gmatch(redis.call('HGET', key, 'tags') or '', '[^%z]+') do append(removed, P .. 'tag:' .. tag, id) end
    redis.call('UNLINK', key, key .. ':attempts', key .. ':logs')
    changed[#changed + 1] = id
    left[job.queue] = true
    pruned = pruned + 1
  end
  if named then
    answer[#answer + 1] = word
    portion.note(word)
  end
end
if pruned > 0 then redis.call('HINCRBY', P .. 'counters', 'pruned', pruned) end
portion.advance()
flush()
forget_unused(left)
local _, next_end = head(P .. 'retention')
forget_unused(left)
answer[1], answer[2] = pruned, next_end and math.max(0, next_end - now) or -1
return answer
