#!lua flags=allow-oom
-- Retries members of a group that did not succeed: they wait again for unfinished dependencies, or are queued at once.
-- Call it for dependencies before their dependents, with a limited number of edges each time. A member runs again once
-- per generation of its group, so a call may be repeated.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] group id   ARGV[3] retry only jobs cancelled for this reason, "" = all
-- ARGV[4] "1" = these are the last ones, "" = hold back further dependents of one job   ARGV[5..] job ids; or one,
--   and in ARGV[6] how many of its dependents have been held back
-- Returns per job with further dependents to hold back its id, and how many have been
-- Uses: keys, clock, batch, jobs, job_records, dependents, writer, consequences
local P, group = keys.prefix, ARGV[2]
-- Dependents of a job that a call holds back.
local HELD = 1000
local generation = tonumber(redis.call('HGET', P .. 'group:' .. group, 'generation') or 0)

-- The move by which a job runs again, or nil. The follow-up of a fan-out is not a member: it waits again unless it has
-- started or succeeded.
local function move_of(id, job)
  local more = redis.call('HMGET', P .. 'job:' .. id, 'generation', 'state_reason', 'started_at')
  if tonumber(more[1] or -1) == generation then return nil end
  if not job.group and not more[3] and jobs.permits(job, 'wait_again') then return 'wait_again' end
  local chosen = ARGV[3] == '' or (job.state == 'cancelled' and more[2] == ARGV[3])
  return jobs.permits(job, 'redrive_and_wait') and chosen and 'redrive_and_wait' or nil
end

-- Notes the dependencies that the job waits for again; returns whether they still allow it to run, and how many it has.
local function wait_again(id)
  local key, hopeful, live = P .. 'job:' .. id, true, {}
  local edges = redis.call('HVALS', key .. ':dependencies')
  redis.call('UNLINK', key .. ':waits')
  for _, edge in ipairs(edges) do
    -- There may be thousands, so neither a pattern nor a command for each.
    local condition, dependency = string.sub(edge, 1, 1), string.sub(edge, 3)
    local state = dependents.state_of(dependency)
    if state and not dependents.ENDED[state] then
      live[#live + 1] = dependency
    elseif state and not dependents.meets(condition, state) then
      hopeful = false
    end
  end
  for i = 1, #live, 1000 do redis.call('SADD', key .. ':waits', unpack(live, i, math.min(#live, i + 999))) end
  return hopeful, #edges
end

local function retry(id, job, move)
  local hopeful, edges = wait_again(id)
  if not hopeful then return end
  local fields = {'generation', generation}
  job_records.reset_run(id, job, fields, clock.now)
  if edges == 0 and move == 'redrive_and_wait' then
    dependents.release(id, job, 'redrive', 'defer', fields)
    return
  end
  jobs.move(id, job, move, 0, fields)
  writer.write()
  if redis.call('EXISTS', P .. 'job:' .. id .. ':waits') == 1 then return end
  dependents.release(id, job, 'release', 'postpone', {})
end

-- Dependents that have not started wait again for a job that runs again. A parent that waits for its children waits for
-- each child that does. Returns where the next call should continue, or nil: a dependent that starts before it is held
-- back could have started before the retry.
local function hold_dependents(id, from)
  local last = from + HELD - 1
  local waiting = redis.call('ZRANGE', P .. 'job:' .. id .. ':dependents', from, last, 'WITHSCORES')
  for i = 1, #waiting, 2 do
    local key = P .. 'job:' .. waiting[i]
    local found = redis.call('HMGET', key, 'state', 'started_at')
    local waits = found[1] == 'blocked' and (not found[2] or waiting[i + 1] == '3')
    if waits then redis.call('SADD', key .. ':waits', id) end
  end
  if #waiting == 2 * HELD then return from + HELD end
end

local further = {}
for i = 5, ARGV[4] == '' and 5 or #ARGV do
  local id = ARGV[i]
  local job = jobs.load(id)
  local move = job and ARGV[4] ~= '' and move_of(id, job)
  if move then retry(id, job, move) end
  if job and job.linked and not jobs.FINISHED[job.state] then
    local from = hold_dependents(id, ARGV[4] == '' and tonumber(ARGV[6]) or 0)
    if from then further[#further + 1], further[#further + 2] = id, from end
  end
end
if ARGV[4] == '1' then
  redis.call('HDEL', P .. 'group:' .. group, 'retry_pending')
  -- So that the group is reviewed even if no member moved.
  batch.members[group] = batch.members[group] or {}
end
consequences.flush()
return further
