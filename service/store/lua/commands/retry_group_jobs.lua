#!lua flags=allow-oom
-- A new run of members of a group that did not succeed: they wait again for what has not ended, or are queued at once.
-- Called for dependencies before their dependents, and for few enough edges at a time; a member runs again once per
-- run of its group, so a call may be repeated.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] group id   ARGV[3] "" or the only reason of a cancelled job that runs again
-- ARGV[4] "1" = after these none is left   ARGV[5..] job ids
-- Returns 1
-- Uses: keys, clock, batch, jobs, job_records, dependents, writer, consequences
local P, group = keys.prefix, ARGV[2]
local generation = tonumber(redis.call('HGET', P .. 'group:' .. group, 'run') or 0)

-- The move by which a job waits again, or nil. The follow-up of a fan-out, no member of it, waits again unless it has
-- begun or was good; members run again if they were not.
local function move_of(id, job)
  local more = redis.call('HMGET', P .. 'job:' .. id, 'run', 'state_reason', 'started_at')
  if tonumber(more[1] or -1) == generation then return nil end
  if not job.group and not more[3] and jobs.permits(job, 'wait_again') then return 'wait_again' end
  local chosen = ARGV[3] == '' or (job.state == 'cancelled' and more[2] == ARGV[3])
  return jobs.permits(job, 'revive') and chosen and 'revive' or nil
end

-- Notes what the job waits for again; returns whether that can still let it run, and how many edges it has.
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
  local fields = {'run', generation}
  job_records.reset_run(id, job, fields, clock.now)
  if edges == 0 and move == 'revive' then
    dependents.release(id, job, 'redrive', 'defer', fields)
    return
  end
  jobs.move(id, job, move, 0, fields)
  writer.write()
  if redis.call('EXISTS', P .. 'job:' .. id .. ':waits') == 1 then return end
  dependents.release(id, job, 'release', 'postpone', {})
end

-- Jobs that have not started wait again for one that runs again, and those that wait for their children for each of
-- them.
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
  redis.call('HDEL', P .. 'group:' .. group, 'reviving')
  -- So that it is reviewed, also when no member moved.
  batch.members[group] = batch.members[group] or {}
end
consequences.flush()
return 1
