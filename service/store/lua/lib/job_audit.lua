-- Compares one job with its indexes.
-- Uses: keys, batch, lanes, groups, queue_names, unsuccessful_ends, pending_tasks, audit_findings
-- Uses: job_places, lane_audit, unique_audit, blocked_audit
local P
local note = audit_findings.note

local function begin() P = keys.prefix end

-- Adds an entry, or removes it; a lane also changes its place among the other lanes.
local function put(id, job, key, at)
  return function()
    redis.call('ZADD', key, at, id)
    if key == lanes.key(job) then
      batch.lanes[key] = job
      batch.wake(job.queue, job.name)
    end
  end
end

local function take(id, job, key)
  return function()
    redis.call('ZREM', key, id)
    if key == lanes.key(job) then batch.lanes[key] = job end
  end
end

local function check_places(id, job)
  job_places.each(id, job, function(key, want, at, score)
    local found = redis.call('ZSCORE', key, id)
    if want and not found then
      note('missing_entry', key, id, 'the job is ' .. job.state, put(id, job, key, at))
    elseif want == false and found then
      note('extra_entry', key, id, 'the job is ' .. job.state, take(id, job, key))
    elseif found and score and tonumber(found) ~= score then
      note('wrong_score', key, id, found .. ' instead of ' .. at, put(id, job, key, at))
    end
  end)
end

-- A dead job is in the group of its cause, and no other job names one.
local function check_cause(id, job)
  local print = job.fingerprint
  if job.state ~= 'dead' then
    if print then
      note('extra_entry', job.key, id, 'the job names a cause of death, but is ' .. job.state,
        function() unsuccessful_ends.leave_group(id) end)
    end
    return
  end
  local key = print and P .. 'dead_group:' .. print
  if key and redis.call('HEXISTS', key, 'first_seen') == 1 and redis.call('ZSCORE', P .. 'dead_groups', print) then
    return
  end
  note('missing_entry', P .. 'dead_groups', id, 'the group of its cause does not exist', function()
    local reason, at = job.state_reason or 'failed', job.finished_at or job.created_at
    if not key then return unsuccessful_ends.join_group(id, job, reason) end
    redis.call('HSET', key, 'name', job.name, 'reason', reason, 'queues', job.queue, 'last_seen', at)
    redis.call('HSETNX', key, 'first_seen', at)
    for _, field in ipairs({'type', 'message', 'versions'}) do redis.call('HSETNX', key, field, '') end
    redis.call('ZADD', P .. 'dead_groups', at, print)
  end)
end

local function check_names(id, job)
  if not redis.call('ZSCORE', P .. 'queues', job.queue) then
    note('missing_entry', P .. 'queues', id, job.queue .. ' has jobs', function() queue_names.create(job.queue) end)
  end
  local group, key = job.group, redis.call('HGET', job.key, 'key')
  if not group or not key or not groups.is_flow(group) or not groups.exists(group) then return end
  local listed = redis.call('HGET', P .. 'group:' .. group .. ':jobs', key)
  if not listed then
    note('missing_entry', P .. 'group:' .. group .. ':jobs', id, 'the flow has lost its job ' .. key,
      function() redis.call('HSET', P .. 'group:' .. group .. ':jobs', key, id) end)
  elseif listed ~= id then
    note('conflicting_jobs', P .. 'group:' .. group .. ':jobs', id, key .. ' is also the key of ' .. listed)
  end
end

-- Lanes depend on whether a fan-out has a limit, so this comes first.
local function check_limiter(job)
  local group = job.group
  if not group or not groups.is_fan_out(group) then return end
  local limit = redis.call('HGET', P .. 'group:' .. group, 'max_concurrency')
  if not limit or redis.call('HEXISTS', P .. 'limiters', 'fan:' .. group) == 1 then return end
  note('missing_entry', P .. 'limiters', group, 'the fan-out has a limit',
    function() redis.call('HSET', P .. 'limiters', 'fan:' .. group, limit) end)
end

-- A job without a state is staged: its flow will be committed, or deleted.
local function check_staged(id, job)
  local group = job.group or ''
  local more = redis.call('HMGET', P .. 'group:' .. group, 'staged', 'admitted')
  local expected = redis.call('ZSCORE', P .. 'staged', group) or pending_tasks.mention(group)
    or tonumber(more[1] or 0) > tonumber(more[2] or 0)
  if not expected then note('unreadable_record', job.key, id, 'it has no state, and its flow is not being stored') end
end

-- Returns the job, or nil if there is none that can be read.
local function check(id)
  local job = job_places.read(id)
  if not job.traits then
    if redis.call('EXISTS', P .. 'job:' .. id) == 1 then
      note('unreadable_record', P .. 'job:' .. id, id, 'it has no traits')
    end
    return nil
  end
  if not job.state then
    check_staged(id, job)
    return job
  end
  if not job_places.is_readable(job) then
    note('unreadable_record', job.key, id, 'its state is ' .. job.state .. ', created at ' .. (job.created_at or '-'))
    return nil
  end
  check_limiter(job)
  check_places(id, job)
  check_cause(id, job)
  check_names(id, job)
  -- A repair of the lane writes its place as well.
  if job.state == 'queued' and not batch.lanes[lanes.key(job)] then lane_audit.check(job) end
  if job.unique then unique_audit.check(id, job) end
  if job.state == 'blocked' then blocked_audit.check(id, job) end
  if job.shared and job.group and redis.call('HEXISTS', P .. 'payload:' .. job.group, 'json') == 0 then
    note('missing_payload', P .. 'payload:' .. job.group, id, 'the common part of its payload is lost')
  end
  return job
end

return {begin = begin, check = check}
