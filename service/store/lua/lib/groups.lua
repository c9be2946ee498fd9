-- Prelude of the scripts that move jobs: what the end of a job means to the jobs that wait for it and to its group
-- (a flow or a fan-out). A job waits for the ids in job:<id>:waits; fan-in is decided by who has ended, never by a
-- counter, so that telling twice changes nothing. What is more than one script may do becomes a task in `tasks`,
-- which any process carries on within a second.
-- What an edge demands, by its score in job:<id>:dependents.
local ENDED = {succeeded = true, dead = true, failed = true, cancelled = true}
local HOLDS = {['0'] = {succeeded = true}, ['1'] = {dead = true, failed = true}, ['2'] = ENDED, ['3'] = ENDED,
  -- The follow-up of a fan-out: not after a cancelled one.
  ['4'] = {succeeded = true, failed = true}}
-- Uses: wake_workers
-- Dependents that one script call looks at: each costs some 10 us, and the time of one script is everybody's time.
local budget = 500

local function task(member)
  redis.call('ZADD', P .. 'tasks', redis.call('HINCRBY', P .. 'counters', 'tasks', 1), member)
  -- Their heartbeats learn of the task at once; whoever is alive carries it on.
  summon(5)
end

-- A job that was parked goes back to its old place; one that begins goes before new work of its priority.
local function release(id, job)
  local key = P .. 'job:' .. id
  local kept = redis.call('HMGET', key, 'started_at', 'delay_ms', 'due_at')
  local due, state, at = tonumber(kept[3] or nil) or now + (kept[2] or 0), 'queued', tonumber(job.score)
  leave(id, job)
  if kept[1] then
    redis.call('HSET', key, 'state', 'queued')
  elseif due > now then
    state, at = 'scheduled', due
    redis.call('HSET', key, 'state', state, 'run_at', due)
  else
    at = running_order(job.queue, job.priority, tonumber(job.created_at))
    redis.call('HSET', key, 'state', 'queued', 'run_at', now, 'queued_at', now, 'score', at)
  end
  redis.call('HINCRBY', key, 'version', 1)
  enter(id, job, state, at)
end

-- One end, told to one job that waits for it.
local function tell_one(id, state, dependent, edge)
  local holds = HOLDS[edge][state]
  if holds then redis.call('SREM', P .. 'job:' .. dependent .. ':waits', id) end
  local job = load(dependent)
  if not job or job.state ~= 'blocked' then return end
  if not holds then
    -- One that has started and waits for its children has passed this edge: only a new run asks again.
    if redis.call('HEXISTS', P .. 'job:' .. dependent, 'started_at') == 1 then return end
    finish(dependent, job, 'cancelled', edge == '4' and 'fan_out' or 'dependency', 0)
  elseif redis.call('EXISTS', P .. 'job:' .. dependent .. ':waits') == 0 then
    release(dependent, job)
  end
end

-- Tells the dependents of an end from the `from`-th on; answers where to go on, or nil.
local function tell(id, state, from)
  local raw = redis.call('ZRANGE', P .. 'job:' .. id .. ':dependents', from, from + budget - 1, 'WITHSCORES')
  local allowed = budget
  for i = 1, #raw, 2 do tell_one(id, state, raw[i], raw[i + 1]) end
  budget = budget - #raw / 2
  if #raw / 2 == allowed then return from + allowed end
end

local GROUP = {'state', 'total', 'succeeded', 'dead', 'cancelled', 'sealed', 'reviving', 'cancel_requested_at', 'failing', 'tolerance_count',
  'tolerance_percent', 'retention_ms', 'linked', 'requested'}

local function crossed(group, dead)
  local most, percent = tonumber(group.tolerance_count), tonumber(group.tolerance_percent)
  return (most and dead > most) or (percent and group.sealed and dead * 100 > percent * tonumber(group.total)), most or percent
end

-- A flow is failed if a job is dead, else cancelled if it or one of its jobs was cancelled by request. A fan-out that was cancelled is
-- never failed, because its follow-up would run; single items may be cancelled, as long as others were good.
local function outcome(id, group, dead, tolerant)
  local requested = tonumber(group.requested or 0) > 0
  if string.sub(id, 1, 5) == 'flow_' then
    if dead > 0 then return 'failed' end
    return (group.cancel_requested_at or requested) and 'cancelled' or 'succeeded'
  end
  if group.cancel_requested_at then return 'cancelled' end
  if group.failing or (dead > 0 and not tolerant) then return 'failed' end
  return requested and tonumber(group.succeeded or 0) == 0 and 'cancelled' or 'succeeded'
end

-- After members have moved: whether the group has ended, is open again, or has had more failures than it tolerates.
local function look(id)
  local key, group = P .. 'group:' .. id, {}
  for i, value in ipairs(redis.call('HMGET', key, unpack(GROUP))) do group[GROUP[i]] = value or nil end
  if not group.state then return end
  local dead, cancelled = tonumber(group.dead or 0), tonumber(group.cancelled or 0)
  local finished = tonumber(group.succeeded or 0) + dead + cancelled
  local over, tolerant = crossed(group, dead)
  if over and not group.failing and not group.reviving and not group.cancel_requested_at then
    redis.call('HSET', key, 'failing', 1)
    group.failing = true
    task('thin ' .. id)
  end
  if group.state ~= 'open' and group.state ~= 'running' and finished < tonumber(group.total) then
    redis.call('HSET', key, 'state', 'running')
    redis.call('HDEL', key, 'finished_at')
    append(removed, P .. 'group_retention', id)
  elseif group.state == 'running' and finished == tonumber(group.total) and group.sealed and not group.reviving then
    local state = outcome(id, group, dead, tolerant)
    redis.call('HSET', key, 'state', state, 'finished_at', now)
    append(added, P .. 'group_retention', now + group.retention_ms, id)
    if group.linked then ended[#ended + 1] = {id = id, state = state, linked = true} end
  end
end

-- Who prunes sleeps for a minute at most. A retention that ends before, and before all others, is told at once; not again within
-- 400 ms unless it is an earlier one, because whoever has pruned looks once more after half a second.
local function tell_pruners()
  local at = first_end
  first_end = math.huge
  if at > now + 60000 or tonumber(({head(P .. 'retention')})[2] or math.huge) < at then return end
  local told = tonumber(redis.call('GET', P .. 'pruners_told') or nil)
  if told and told <= at then return end
  redis.call('SET', P .. 'pruners_told', at, 'PX', 400)
  summon(5)
end

-- Called by flush() after what was noted is written; answers whether it has noted more.
conclude = function()
  tell_pruners()
  local groups, ends = counted, ended
  if not next(groups) and #ends == 0 then return false end
  counted, ended = {}, {}
  for id, deltas in pairs(groups) do
    local key = P .. 'group:' .. id
    -- A dead job may outlive its group and run again: then there is nothing to count.
    if redis.call('HEXISTS', key, 'state') == 1 then
      for state, by in pairs(deltas) do
        if by ~= 0 then redis.call('HINCRBY', key, state, by) end
      end
      redis.call('HINCRBY', key, 'version', 1)
      changed[#changed + 1] = id
      look(id)
    end
  end
  for _, job in ipairs(ends) do
    -- Nobody will read what its children do.
    if job.orphans then task('cancel_children ' .. job.id) end
    if job.linked then
      local from = 0
      if budget > 0 then from = tell(job.id, job.state, 0) end
      if from then task('tell ' .. job.id) end
    end
    if job.state == 'dead' and job.group and redis.call('HGET', P .. 'group:' .. job.group, 'on_failure') == 'fail' then
      task('fail ' .. job.group .. ' ' .. job.id)
    end
  end
  return true
end
