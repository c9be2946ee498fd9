#!lua flags=allow-oom
-- Retries members of a group that did not succeed: they wait again for unfinished dependencies, or are queued at once.
-- Call it for dependencies before their dependents, with a limited number of edges each time. A member runs again once
-- per generation of its group, so a call may be repeated.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] group id   ARGV[3] retry only jobs cancelled for this reason, "" = all
-- ARGV[4] "1" = these are the last ones   ARGV[5..] job ids
-- Returns 1
-- Uses: keys, clock, batch, jobs, job_records, dependents, writer, consequences
local P, group = keys.prefix, ARGV[2]
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
  local key, hopeful = P .. 'job:' .. id, true
  local edges = redis.call('HVALS', key .. ':dependencies')
  redis.call('DEL', key .. ':waits')
  for _, edge in ipairs(edges) do
    local condition, dependency = string.match(edge, '^(%d) (.+)$')
    local state = dependents.state_of(dependency)
    if state and not dependents.ENDED[state] then
      redis.call('SADD', key .. ':waits', dependency)
    elseif state and not dependents.meets(condition, state) then
      hopeful = false
    end
  end
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
-- each child that does.
local function hold_dependents(id)
  local waiting = redis.call('ZRANGE', P .. 'job:' .. id .. ':dependents', 0, -1, 'WITHSCORES')
  for i = 1, #waiting, 2 do
    local key = P .. 'job:' .. waiting[i]
    local found = redis.call('HMGET', key, 'state', 'started_at')
    local waits = found[1] == 'blocked' and (not found[2] or waiting[i + 1] == '3')
    if waits then redis.call('SADD', key .. ':waits', id) end
  end
end

for i = 5, #ARGV do
  local id = ARGV[i]
  local job = jobs.load(id)
  local move = job and move_of(id, job)
  if move then retry(id, job, move) end
  if job and job.linked and not jobs.FINISHED[job.state] then hold_dependents(id) end
end
if ARGV[4] == '1' then
  redis.call('HDEL', P .. 'group:' .. group, 'retry_pending')
  -- So that the group is reviewed even if no member moved.
  batch.members[group] = batch.members[group] or {}
end
consequences.flush()
return 1
