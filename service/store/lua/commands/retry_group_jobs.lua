#!lua flags=allow-oom
-- A new run of members of a group that did not succeed: they wait again for what has not ended, or are queued at once.
-- Called for dependencies before their dependents, and for few enough edges at a time; a member is revived once per run of its group,
-- so a call may be repeated.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] group id   ARGV[3] "" or the only reason of a cancelled job that is revived   ARGV[4] "1" = after these none is
--   left   ARGV[5..] job ids
-- Returns 1
-- Uses: job_indexes
-- Uses: groups
-- Uses: time_limits
local group = P .. 'group:' .. ARGV[2]
local run = tonumber(redis.call('HGET', group, 'run') or 0)

local function state_of(id)
  return redis.call('HGET', P .. 'job:' .. id, 'state') or redis.call('HGET', P .. 'ended:' .. id, 'state')
    or redis.call('HGET', P .. 'group:' .. id, 'state')
end

-- The follow-up of a fan-out, no member of it, waits again unless it has begun or was good; members run again if they were not.
local function may(id, job)
  local more = redis.call('HMGET', P .. 'job:' .. id, 'run', 'state_reason', 'started_at')
  if tonumber(more[1] or -1) == run then return false end
  if not job.group and not more[3] and (job.state == 'queued' or job.state == 'scheduled') then return true end
  return (job.state == 'dead' or job.state == 'cancelled') and (ARGV[3] == '' or job.state == 'cancelled' and more[2] == ARGV[3])
end

local function revive(id, job)
  local key, hopeless = P .. 'job:' .. id, false
  local edges = redis.call('HVALS', key .. ':dependencies')
  redis.call('DEL', key .. ':waits')
  for _, edge in ipairs(edges) do
    local demand, dependency = string.match(edge, '^(%d) (.+)$')
    local state = state_of(dependency)
    if state and not ENDED[state] then
      redis.call('SADD', key .. ':waits', dependency)
    elseif state and not HOLDS[demand][state] then
      hopeless = true
    end
  end
  if hopeless then return end
  redis.call('HDEL', key, 'state_reason', 'error', 'result', 'progress', 'finished_at', 'started_at', 'worker_id', 'token', 'suspect', 'losses',
    'cancel_requested_at', 'cancel_reason', 'cancel_message', 'expires_at', 'deadline_at', 'expiry', 'deferrals', 'delay_ms', 'due_at')
  local fields = {'state', 'blocked', 'failures', 0, 'crashes', 0, 'run', run}
  renew_time_limits(id, function(field, value) fields[#fields + 1] = field; fields[#fields + 1] = value end, now)
  redis.call('HSET', key, unpack(fields))
  redis.call('HINCRBY', key, 'redriven', 1)
  if #edges == 0 then
    release(id, job)
  else
    leave(id, job)
    redis.call('HINCRBY', key, 'version', 1)
    enter(id, job, 'blocked', 0)
    write()
    if redis.call('EXISTS', key .. ':waits') == 0 then
      job.state = 'blocked'
      release(id, job)
    end
  end
end

-- Jobs that have not started wait again for one that runs again, and those that wait for their children for each of them.
local function hold(id)
  local dependents = redis.call('ZRANGE', P .. 'job:' .. id .. ':dependents', 0, -1, 'WITHSCORES')
  for i = 1, #dependents, 2 do
    local key = P .. 'job:' .. dependents[i]
    local found = redis.call('HMGET', key, 'state', 'started_at')
    if found[1] == 'blocked' and (not found[2] or dependents[i + 1] == '3') then redis.call('SADD', key .. ':waits', id) end
  end
end

for i = 5, #ARGV do
  local id = ARGV[i]
  local job = load(id)
  if job and may(id, job) then revive(id, job) end
  if job and job.linked and not FINISHED[redis.call('HGET', P .. 'job:' .. id, 'state')] then hold(id) end
end
if ARGV[4] == '1' then
  redis.call('HDEL', group, 'reviving')
  counted[ARGV[2]] = counted[ARGV[2]] or {}
end
flush()
return 1
