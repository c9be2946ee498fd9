-- Whether what a blocked job waits for can still happen.
-- Uses: keys, groups, dependents, endings, unique_keys, pending_tasks, audit_findings
local P
local note = audit_findings.note
-- Dependencies of one job that a call looks at.
local AT_MOST = 1000

local function begin() P = keys.prefix end

-- The job's dependencies: condition by id.
local function edges_of(id)
  local found = {}
  for _, edge in ipairs(redis.call('HVALS', P .. 'job:' .. id .. ':dependencies')) do
    local condition, dependency = string.match(edge, '^(%d) (.+)$')
    if condition then found[dependency] = condition end
  end
  return found
end

-- Whether a task is about to change what the job waits for.
local function in_progress(id, job, edges)
  local mention = pending_tasks.mention
  if mention(id) or (job.group and mention(job.group)) then return true end
  if job.group and redis.call('HEXISTS', P .. 'group:' .. job.group, 'retry_pending') == 1 then return true end
  for dependency in pairs(edges) do
    if mention(dependency) then return true end
  end
end

-- A live dependency notifies the job when it finishes, if it knows about it.
local function check_live(id, dependency, condition)
  local key = P .. 'job:' .. dependency .. ':dependents'
  local owner = (groups.is_fan_out(dependency) or groups.is_flow(dependency)) and 'group:' or 'job:'
  local linked = redis.call('HEXISTS', P .. owner .. dependency, 'linked') == 1
  if redis.call('ZSCORE', key, id) and linked then return end
  if not condition then return note('lost_dependency', key, id, dependency .. ' does not notify the job') end
  note('lost_dependency', key, id, dependency .. ' does not notify the job', function()
    redis.call('ZADD', key, condition, id)
    redis.call('HSET', P .. owner .. dependency, 'linked', 1)
  end)
end

local function check_wait(id, dependency, condition)
  local key, state = P .. 'job:' .. id .. ':waits', dependents.state_of(dependency)
  if not state then
    note('blocked_forever', key, id, dependency .. ' does not exist')
  elseif not dependents.ENDED[state] then
    check_live(id, dependency, condition)
  elseif not condition then
    note('blocked_forever', key, id, dependency .. ' has ended, for an unknown condition')
  elseif condition ~= '3' and not dependents.meets(condition, state)
    and redis.call('HEXISTS', P .. 'job:' .. id, 'started_at') == 1
  then
    note('blocked_forever', key, id, dependency .. ' has ended as ' .. state)
  else
    note('lost_dependency', key, id, dependency .. ' has ended, but the job was not notified',
      function() dependents.notify_one(dependency, state, id, condition) end)
  end
end

-- A blocked job that waits for nothing: its dependencies say what it should do.
local function settle(id, job, edges)
  local key, live, unmet, unknown, any = P .. 'job:' .. id .. ':waits', {}, nil, nil, false
  for dependency, condition in pairs(edges) do
    local state = dependents.state_of(dependency)
    any = true
    if not state then
      unknown = dependency
    elseif not dependents.ENDED[state] then
      live[#live + 1] = dependency
    elseif not dependents.meets(condition, state) then
      unmet = dependency
    end
  end
  if not any or unknown then
    note('blocked_forever', key, id, any and unknown .. ' does not exist' or 'the job waits for nothing')
  elseif unmet then
    note('lost_dependency', key, id, unmet .. ' has ended, but the job was not notified',
      function() endings.finish(id, job, 'cancel', edges[unmet] == '4' and 'fan_out' or 'dependency', 0) end)
  elseif #live > 0 then
    note('lost_dependency', key, id, 'the job does not wait for ' .. live[1], function()
      for _, dependency in ipairs(live) do
        redis.call('SADD', key, dependency)
        check_live(id, dependency, edges[dependency])
      end
    end)
  else
    note('lost_dependency', key, id, 'all dependencies have ended',
      function() dependents.release(id, job, 'release', 'postpone', {}) end)
  end
end

local function check(id, job)
  if job.unique and redis.call('GET', ({unique_keys.of(job)})[2]) == id then return end
  audit_findings.spend(redis.call('HLEN', P .. 'job:' .. id .. ':dependencies'))
  local edges = edges_of(id)
  if in_progress(id, job, edges) then return end
  local waits = redis.call('SRANDMEMBER', P .. 'job:' .. id .. ':waits', AT_MOST)
  if #waits == 0 then return settle(id, job, edges) end
  for _, dependency in ipairs(waits) do
    check_wait(id, dependency, edges[dependency])
    -- The repair of one wait may have released the job.
    if redis.call('HGET', P .. 'job:' .. id, 'state') ~= 'blocked' then return end
  end
end

return {begin = begin, check = check}
