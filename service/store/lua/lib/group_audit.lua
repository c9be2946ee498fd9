-- Compares a flow or fan-out with its indexes. Its counts are the subject of audit_counters.lua.
-- Uses: keys, clock, groups, pending_tasks, audit_findings
local P, now
local note, add, remove = audit_findings.note, audit_findings.add, audit_findings.remove

local function begin() P, now = keys.prefix, clock.now end

local function read(id)
  local v = redis.call('HMGET', P .. 'group:' .. id, 'state', 'created_at', 'finished_at', 'retention_ms',
    'patience_ms', 'max_concurrency', 'sealed', 'retry_pending', 'total', 'succeeded', 'dead', 'cancelled')
  return {
    state = v[1] or nil, created_at = v[2], finished_at = v[3] or nil, retention_ms = v[4], patience_ms = v[5],
    max_concurrency = v[6], sealed = v[7], retry_pending = v[8], total = v[9], succeeded = v[10], dead = v[11],
    cancelled = v[12],
  }
end

-- `set` must have the group, or must not have it.
local function check_set(id, set, want, at)
  local key = P .. set
  local found = redis.call('ZSCORE', key, id)
  if want and not found then
    note('missing_entry', key, id, 'the group belongs here', add(key, at, id))
  elseif found and not want then
    note('extra_entry', key, id, 'the group does not belong here', remove(key, id))
  end
end

-- All jobs have finished, but not the group.
local function check_end(id, group)
  local finished = tonumber(group.succeeded or 0) + tonumber(group.dead or 0) + tonumber(group.cancelled or 0)
  local over = group.state == 'running' and group.sealed and not group.retry_pending
    and finished == tonumber(group.total) and not pending_tasks.mention(id)
  if not over then return end
  note('unfinished_group', P .. 'group:' .. id, id, 'all of its jobs have finished', function()
    groups.note_change(id)
    groups.review(id)
  end)
end

local function check_limiter(id, group)
  if not group.max_concurrency or redis.call('HEXISTS', P .. 'limiters', 'fan:' .. id) == 1 then return end
  note('missing_entry', P .. 'limiters', id, 'the fan-out has a limit',
    function() redis.call('HSET', P .. 'limiters', 'fan:' .. id, group.max_concurrency) end)
end

-- A group without a state is hidden, staged, or gone: nothing lists it but the tasks, and `staged`.
local function check(id)
  local group, kind = read(id), string.match(id, '^%a+') or ''
  local visible = group.state ~= nil
  local open, live = group.state == 'open', group.state == 'open' or group.state == 'running'
  check_set(id, 'groups:' .. kind, visible, group.created_at)
  check_set(id, 'open_fan_outs', open, now + tonumber(group.patience_ms or 0))
  local ended_at = tonumber(group.finished_at) or now
  check_set(id, 'group_retention', visible and not live, ended_at + tonumber(group.retention_ms or 0))
  if not visible then return end
  check_set(id, 'staged', false)
  check_limiter(id, group)
  if not live and not group.finished_at then
    note('missing_entry', P .. 'group:' .. id, id, 'the group has ended, but not at a time',
      function() redis.call('HSET', P .. 'group:' .. id, 'finished_at', now) end)
  end
  check_end(id, group)
end

-- limiters: a fan-out with a limit. Whether its lanes still need the limit is not known.
local function check_listed_limiter(limiter)
  local id = string.match(limiter, '^fan:(.+)$')
  if not id or redis.call('HEXISTS', P .. 'limiters', limiter) == 0 then return end
  if redis.call('EXISTS', P .. 'group:' .. id) == 1 then return end
  note('dangling_entry', P .. 'limiters', id, 'the fan-out does not exist')
end

return {begin = begin, check = check, check_listed_limiter = check_listed_limiter}
