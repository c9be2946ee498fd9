#!lua
-- Add children to a running job and let it wait for them: it is blocked, its lease is over, no attempt is used. Children whose
-- key the job has already are not added again. A job that is to be cancelled adds none and is cancelled. Only the holder of the lease may.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] job id   ARGV[3] token   ARGV[4] queues of the namespace at most
-- ARGV[5..] per child 15 values: id, its key, name, queue, limit_key, priority, delay_ms,
--   run_at, expires_ms, deadline_ms, retention_ms, payload, options (JSON), tags ("key:value" joined by \0), what it waits for
--   among its siblings ("demand id key" joined by blanks); "" = absent. A child comes after those that it waits for
-- Returns parked (or cancelled) | ready (all have ended) | stale | too_many_queues (nothing was added)
-- Uses: job_indexes
-- Uses: groups
-- Uses: time_limits
-- Uses: queue_names
local WIDTH, id, key = 15, ARGV[2], P .. 'job:' .. ARGV[2]
local parent = load(id)
if not parent or parent.state ~= 'running' or parent.token ~= ARGV[3] then
  return redis.call('HGET', key, 'parked_by') == ARGV[3] and 'parked' or 'stale'
end
for i = 5, #ARGV, WIDTH do
  if not may_name(ARGV[i + 3], tonumber(ARGV[4])) then return 'too_many_queues' end
end
-- Checks above, writes below.
local group = parent.group
local cancelling = group and redis.call('ZSCORE', P .. 'tasks', 'cancel ' .. group)
if parent.cancel_requested_at or cancelling then
  local of_group = cancelling and (string.sub(group, 1, 5) == 'flow_' and 'flow' or 'fan_out')
  local reason = redis.call('HGET', key, 'cancel_reason') or of_group or 'requested'
  redis.call('HSET', key, 'parked_by', ARGV[3])
  redis.call('HDEL', key, 'token')
  finish(id, parent, 'cancelled', reason, 0)
  flush()
  return 'parked'
end
-- Children belong to the flow of their parent. A fan-out has the items that it was filled with, and a dead job may outlive its flow.
if group and not (string.sub(group, 1, 5) == 'flow_' and redis.call('HEXISTS', P .. 'group:' .. group, 'state') == 1) then group = nil end

local function add(i, child, name_in_parent)
  local fields = {'v', 1, 'version', 1, 'key', ARGV[i + 1], 'name', ARGV[i + 2], 'queue', ARGV[i + 3], 'priority', ARGV[i + 5], 'delay_ms', ARGV[i + 6],
    'retention_ms', ARGV[i + 10], 'payload', ARGV[i + 11], 'options', ARGV[i + 12], 'created_at', now, 'run_at', now, 'linked', 1}
  local function put(field, value) fields[#fields + 1] = field; fields[#fields + 1] = value end
  if group then
    put('group', group)
    redis.call('HSET', P .. 'group:' .. group .. ':jobs', ARGV[i + 1], child)
    redis.call('HINCRBY', P .. 'group:' .. group, 'total', 1)
  end
  if ARGV[i + 4] ~= '' then put('limit_key', ARGV[i + 4]) end
  if ARGV[i + 7] ~= '' then put('due_at', ARGV[i + 7]) end
  time_limits(child, put, ARGV[i + 8], ARGV[i + 9], now)
  if ARGV[i + 13] ~= '' then
    put('tags', ARGV[i + 13])
    for tag in string.gmatch(ARGV[i + 13], '[^%z]+') do append(added, P .. 'tag:' .. tag, now, child) end
  end
  local due, state, at = tonumber(ARGV[i + 7]) or now + ARGV[i + 6], 'queued', 0
  for demand, dependency, name in string.gmatch(ARGV[i + 14], '(%d) (%S+) (%S+)') do
    local job = load(dependency)
    redis.call('ZADD', P .. 'job:' .. dependency .. ':dependents', demand, child)
    redis.call('HSET', P .. 'job:' .. child .. ':dependencies', name, demand .. ' ' .. dependency)
    if job and not FINISHED[job.state] then
      redis.call('SADD', P .. 'job:' .. child .. ':waits', dependency)
      state = 'blocked'
    end
  end
  if state == 'queued' and due > now then
    state, at = 'scheduled', due
    put('run_at', due)
  elseif state == 'queued' then
    at = running_order(ARGV[i + 3], ARGV[i + 5], now)
    put('queued_at', now); put('score', at)
  end
  put('state', state)
  redis.call('HSET', P .. 'job:' .. child, unpack(fields))
  create_name(ARGV[i + 3])
  redis.call('ZADD', P .. 'job:' .. child .. ':dependents', 3, id)
  redis.call('HSET', key .. ':dependencies', name_in_parent, '3 ' .. child)
  rate(ARGV[i + 3], 'enqueued')
  enter(child, load(child), state, at)
end

-- A child that was cancelled with an earlier run of this job is added anew.
local function has(name)
  local edge = redis.call('HGET', key .. ':dependencies', name)
  local child = edge and string.match(edge, '^3 (.+)$')
  if not child then return edge end
  local found = redis.call('HMGET', P .. 'job:' .. child, 'state', 'state_reason')
  if found[1] ~= 'cancelled' or found[2] ~= 'parent' then return true end
  redis.call('ZREM', P .. 'job:' .. child .. ':dependents', id)
end

for i = 5, #ARGV, WIDTH do
  local name = string.match(ARGV[i + 1], '[^/]+$')
  if not has(name) then add(i, ARGV[i], name) end
end
redis.call('DEL', key .. ':waits')
local waits = false
for _, edge in ipairs(redis.call('HVALS', key .. ':dependencies')) do
  local child = string.match(edge, '^3 (.+)$')
  local job = child and load(child)
  if job and not FINISHED[job.state] then
    redis.call('SADD', key .. ':waits', child)
    waits = true
  end
end
if not waits then return 'ready' end
redis.call('HSET', key, 'parked_by', ARGV[3])
redis.call('HDEL', key, 'token')
leave(id, parent)
redis.call('HSET', key, 'state', 'blocked')
redis.call('HINCRBY', key, 'version', 1)
enter(id, parent, 'blocked', 0)
flush()
return 'parked'
