-- Prelude of every script that moves a job (scripts.py puts it in front of them).
-- A job's state has one set (queue:<queue>|<state>) and at most one order: a lane (lanes.lua) for queued,
-- `due` for scheduled and retrying, `leases` for running, `retention` for finished jobs.
-- leave() and enter() only note the changes; write() writes them, one command per key: a job moves once in between.
-- KEYS[1] prefix of the namespace: every other key is built from it and shares its hash tag
-- ARGV[1] now in milliseconds, empty in production: then the server's clock
local P = KEYS[1]
local now = tonumber(ARGV[1])
local micros = now and now * 1000
if not now then
  local time = redis.call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local ORDER = {scheduled = 'due', retrying = 'due', running = 'leases', succeeded = 'retention', cancelled = 'retention', dead = 'retention'}
local FINISHED = {succeeded = true, cancelled = true, dead = true}
local added, removed, changed, rated, earliest_due = {}, {}, {}, {}, nil
-- For groups.lua: members by state, jobs whose end others wait for, and what it does about them.
local counted, ended, conclude, first_end = {}, {}, nil, math.huge
local write

local function append(lists, key, first, second)
  local list = lists[key]
  if not list then list = {}; lists[key] = list end
  list[#list + 1] = first
  if second then list[#list + 1] = second end
end

-- Also of a job that is only staged, which has no state yet.
local function read(id)
  local v = redis.call('HMGET', P .. 'job:' .. id, 'state', 'queue', 'name', 'created_at', 'limit_key', 'priority', 'score', 'token', 'retention_ms', 'unique',
    'unique_until', 'expiry', 'cancel_requested_at', 'worker_id', 'group', 'linked', 'version', 'error', 'state_reason', 'parked_by')
  -- In one piece: a table that grows field by field costs more than reading the job.
  return {state = v[1] or nil, queue = v[2], name = v[3], created_at = v[4], limit_key = v[5] or nil, priority = v[6], score = v[7] or nil, token = v[8] or nil,
    retention_ms = v[9], unique = v[10] or nil, unique_until = v[11] or nil, expiry = v[12] or nil, cancel_requested_at = v[13] or nil,
    worker_id = v[14] or nil, group = v[15] or nil, linked = v[16] or nil, version = v[17], error = v[18] or nil, state_reason = v[19] or nil,
    parked_by = v[20] or nil}
end

local function load(id)
  local job = read(id)
  return job.state and job
end

-- Uses: queue_settings
-- Uses: lanes

local function rate(queue, field)
  local counts = rated[queue]
  if not counts then counts = {}; rated[queue] = counts end
  counts[field] = (counts[field] or 0) + 1
end

local function count(job, state, by)
  if not job.group then return end
  local deltas = counted[job.group]
  if not deltas then deltas = {}; counted[job.group] = deltas end
  deltas[state] = (deltas[state] or 0) + by
end

local function leave(id, job)
  count(job, job.state, -1)
  append(removed, queue_key(job.queue, job.state), id)
  if job.state == 'queued' then
    local lane = lane_key(job)
    append(removed, lane, id)
    lanes[lane] = job
  elseif ORDER[job.state] then
    append(removed, P .. ORDER[job.state], id)
    if ORDER[job.state] == 'due' then append(removed, queue_key(job.queue, 'due'), id) end
    if job.state == 'running' then hold_slots(job, -1) end
  end
  if job.cancel_requested_at then append(removed, P .. 'cancelling', id) end
  local dead = job.state == 'dead' and job.state_reason .. ':' .. job.queue
  if dead and redis.call('HINCRBY', P .. 'dead', dead, -1) <= 0 then redis.call('HDEL', P .. 'dead', dead) end
  if job.state == 'cancelled' and job.state_reason == 'requested' then count(job, 'requested', -1) end
end

-- `at` is the place in the state's order: running order, due time, end of lease, end of retention.
local function enter(id, job, state, at)
  count(job, state, 1)
  append(added, queue_key(job.queue, state), job.created_at, id)
  if state == 'queued' then
    append(added, lane_key(job), at, id)
    lanes[lane_key(job)] = job
    wake_for(job.queue, job.name)
  elseif ORDER[state] then
    append(added, P .. ORDER[state], at, id)
    if state == 'running' then hold_slots(job, 1) end
    if ORDER[state] == 'due' then
      append(added, queue_key(job.queue, 'due'), at, id); earliest_due = math.min(earliest_due or at, at)
    end
  end
  changed[#changed + 1] = id
end

-- Uses: unique_keys
-- Everything that ends with a job, whatever ended it. `fields` of the hash are written along: one command, not two.
local function finish(id, job, state, reason, floor_ms, fields)
  local keep = tonumber(job.retention_ms)
  if state == 'dead' then keep = math.max(keep, floor_ms) end
  leave(id, job)
  enter(id, job, state, now + keep)
  first_end = math.min(first_end, now + keep)
  if job.expiry then append(removed, P .. 'expiry', id) end
  release_unique(id, job)
  rate(job.queue, 'finished')
  if state == 'cancelled' and reason == 'requested' then count(job, 'requested', 1) end
  if state == 'dead' then rate(job.queue, 'failed'); redis.call('HINCRBY', P .. 'dead', reason .. ':' .. job.queue, 1) end
  redis.call('HSET', P .. 'job:' .. id, 'state', state, 'state_reason', reason, 'finished_at', now, 'version', job.version + 1, unpack(fields or {}))
  local orphans = job.parked_by and state ~= 'succeeded'
  if job.linked or orphans or (state == 'dead' and job.group) then ended[#ended + 1] = {id = id, state = state, linked = job.linked, group = job.group, orphans = orphans} end
end

-- Uses: notifications

write = function()
  for key, members in pairs(removed) do redis.call('ZREM', key, unpack(members)) end
  for key, members in pairs(added) do redis.call('ZADD', key, unpack(members)) end
  -- One look for both: most of the time nobody waits and nothing is limited.
  local attention = redis.call('EXISTS', P .. 'watched', P .. 'parked') > 0
  flush_lanes(attention)
  for queue, counts in pairs(rated) do
    local key = queue_key(queue, 'rates:' .. math.floor(now / 10000))
    for field, count in pairs(counts) do
      if redis.call('HINCRBY', key, field, count) == count then redis.call('PEXPIRE', key, 120000) end
    end
  end
  if next(woken) or earliest_due then wake() end
  if attention and #changed > 0 then announce() end
  added, removed, woken, changed, rated, earliest_due = {}, {}, {}, {}, {}, nil
end

-- What ended may move others, which may end: round after round until nothing is noted any more.
local function flush()
  repeat write() until not conclude or not conclude()
end
