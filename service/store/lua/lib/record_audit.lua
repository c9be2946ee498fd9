-- Compares small records with their indexes: schedules, bulk actions, workers, closed limiters, and the parts of jobs
-- that no longer exist.
-- Uses: keys, pending_tasks, audit_findings
local P
local note, add, remove = audit_findings.note, audit_findings.add, audit_findings.remove
-- How long idempotency records, and bulk actions that have finished, are kept.
local KEPT_MS = 86400000

local function begin() P = keys.prefix end

local function listed(set, member) return redis.call('ZSCORE', P .. set, member) end

-- `set` has a member exactly if there is a `want`, which is its score; `exact` = no other score is right.
local function check_set(set, member, want, exact, detail)
  local key, found = P .. set, listed(set, member)
  if want and not found then
    note('missing_entry', key, '', detail, add(key, want, member))
  elseif want and exact and tonumber(found) ~= tonumber(want) then
    note('wrong_score', key, '', detail .. ': ' .. found .. ' instead of ' .. want, add(key, want, member))
  elseif found and not want then
    note('dangling_entry', key, '', detail, remove(key, member))
  end
end

local function check_schedule(name)
  local found = redis.call('HMGET', P .. 'schedule:' .. name, 'version', 'fire_at')
  check_set('schedules', name, found[1] and 0, false, 'schedule ' .. name)
  check_set('fire_times', name, found[1] and found[2], true, 'schedule ' .. name)
end

local function check_action(id)
  local found = redis.call('HMGET', P .. 'action:' .. id, 'state', 'created_at', 'ready_at', 'finished_at')
  local state = found[1]
  local over = state == 'succeeded' or state == 'cancelled'
  check_set('actions', id, state and found[2], false, 'bulk action ' .. id)
  check_set('running_actions', id, state == 'running' and found[3], false, 'bulk action ' .. id)
  check_set('action_retention', id, over and (found[4] or 0) + KEPT_MS, false, 'bulk action ' .. id)
end

-- A worker's record may outlive its entry for a moment, but not the other way round.
local function check_worker(id)
  if redis.call('EXISTS', P .. 'worker:' .. id) == 0 then
    check_set('workers', id, nil, false, 'worker ' .. id)
  end
end

-- closed_lanes:<limiter> and queue:<queue>|closed are opened only if their limiter is known to be closed.
local function check_closed(limiter)
  if listed('closed_limiters', limiter) or redis.call('EXISTS', P .. 'closed_lanes:' .. limiter) == 0 then return end
  note('unreachable_lane', P .. 'closed_limiters', '', limiter .. ' holds lanes back, but is not closed',
    add(P .. 'closed_limiters', 0, limiter))
end

-- A group of dead letters has jobs.
local function check_cause(print)
  local key = P .. 'dead_group:' .. print
  if redis.call('EXISTS', key .. ':jobs') == 1 then return end
  if redis.call('EXISTS', key) == 0 and not listed('dead_groups', print) then return end
  note('dangling_entry', P .. 'dead_groups', '', print .. ' has no jobs', function()
    redis.call('DEL', key)
    redis.call('ZREM', P .. 'dead_groups', print)
  end)
end

-- A key that must have an end: an idempotency record.
local function check_expiry(name)
  local key = P .. name
  if redis.call('PTTL', key) ~= -1 then return end
  note('never_expires', key, '', 'it is kept forever', function() redis.call('PEXPIRE', key, KEPT_MS) end)
end

-- job:<id>:<part> of a job, or group, that is gone. A task may still need it.
local function check_part(part)
  local id = string.match(part, '^(.-):%a+$')
  local key = P .. 'job:' .. part
  if not id or redis.call('EXISTS', key) == 0 or pending_tasks.mention(id) then return end
  if redis.call('EXISTS', P .. 'job:' .. id, P .. 'ended:' .. id, P .. 'group:' .. id) > 0 then return end
  -- A flow that is being stored may have edges before its jobs.
  if redis.call('EXISTS', P .. 'staged') == 1 then return end
  note('dangling_entry', key, id, 'the job does not exist', function() redis.call('UNLINK', key) end)
end

return {
  begin = begin, check_schedule = check_schedule, check_action = check_action, check_worker = check_worker,
  check_closed = check_closed, check_cause = check_cause, check_expiry = check_expiry,
  check_part = check_part,
}
