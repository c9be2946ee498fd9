#!lua
-- Adds children to a running job, which then waits for them: it is blocked, its lease ends, and no attempt is used.
-- Children whose key the job already has are not added again. Many children come in several calls; the job waits with
-- the last one, and earlier ones may run already. A job with a cancel request adds no children and is cancelled. Only
-- the holder of the lease may call this.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] job id   ARGV[3] token   ARGV[4] limit on queues per namespace
-- ARGV[5] "1" = further children follow   ARGV[6] with the first call, the queues of the children that follow,
--   separated by spaces   ARGV[7] how many these are   ARGV[8] their size (bytes)   ARGV[9] number of earlier calls
-- ARGV[10..] per child 12 values: id, its key, its spec (job_records.lua), the siblings that it waits for
--   ("condition id key", separated by spaces), "" = none. A child follows the siblings that it waits for
-- Returns added (and more follow) | waiting (or cancelled) | ready (all have finished) | stale (also if a failover has
--   lost the call before) | too_many_queues (no child was added). Fails if the namespace would exceed a quota
-- Uses: keys, clock, jobs, traits, job_records, dependents, endings, groups, queue_names, quotas, stored_bytes
-- Uses: consequences, changed_records
-- With more children than that, it is not checked again which of them are unfinished.
local CHECKED_AT_MOST = 200
local WIDTH, FIRST, P, now, push = 12, 10, keys.prefix, clock.now, job_records.push
local id, key, token = ARGV[2], P .. 'job:' .. ARGV[2], ARGV[3]
local parent = jobs.load(id)
if not parent or not jobs.permits(parent, 'wait_for_children', token) then
  return redis.call('HGET', key, 'children_token') == token and 'waiting' or 'stale'
end
local function marker(calls) return token .. '+' .. string.format('%.0f', calls) end

local earlier = tonumber(ARGV[9])
-- This call may be a repetition.
if earlier > 0 and parent.children_token ~= marker(earlier) and parent.children_token ~= marker(earlier + 1) then
  return 'stale'
end
for i = FIRST, #ARGV, WIDTH do
  if not queue_names.may_use(traits.of(ARGV[i + 2]).queue, tonumber(ARGV[4])) then return 'too_many_queues' end
end
for queue in string.gmatch(ARGV[6], '%S+') do
  if not queue_names.may_use(queue, tonumber(ARGV[4])) then return 'too_many_queues' end
end
if quotas.read() then
  quotas.check(tonumber(ARGV[7]), tonumber(ARGV[8]), 0)
  for i = FIRST, #ARGV, WIDTH do
    local job = job_records.spec(ARGV, i + 2)
    local _, edges = string.gsub(ARGV[i + 11], '%S+ %S+ %S+', '')
    local further = stored_bytes.MEMBER + #ARGV[i + 1] + stored_bytes.DEPENDENCY * (1 + edges)
    quotas.check(1, job_records.size(job) + further, 0, job.queue, job.limit_key)
  end
end
-- Checks above, writes below.

-- Why the parent must stop here, or nil.
local function cancel_reason()
  local group = parent.group
  local of_group = group and redis.call('ZSCORE', P .. 'tasks', 'cancel ' .. group)
  if not parent.cancel_requested_at and not of_group then return nil end
  local reason = redis.call('HGET', key, 'cancel_reason')
  return reason or (of_group and (groups.is_flow(group) and 'flow' or 'fan_out')) or 'requested'
end

local reason = cancel_reason()
if reason then
  jobs.end_lease(parent)
  endings.finish(id, parent, 'stop', reason, 0, {'children_token', token}, token)
  consequences.flush()
  return 'waiting'
end
-- Children belong to their parent's flow. A fan-out consists only of the items that were added to it.
local group = parent.group
if group and not (groups.is_flow(group) and groups.exists(group)) then group = nil end

-- Makes a child wait for its siblings; returns how it arrives: nil if all have finished.
local function link(child, edges)
  local arrival
  for condition, dependency, name in string.gmatch(edges, '(%d) (%S+) (%S+)') do
    local job = jobs.load(dependency)
    -- A sibling from an earlier run of the parent may have been deleted.
    if job then redis.call('ZADD', P .. 'job:' .. dependency .. ':dependents', condition, child) end
    stored_bytes.put_dependency(child, name, condition .. ' ' .. dependency)
    if job and not jobs.FINISHED[job.state] then
      redis.call('SADD', P .. 'job:' .. child .. ':waits', dependency)
      arrival = arrival or 'wait'
    elseif job and not dependents.meets(condition, job.state) then
      arrival = 'refuse'
    end
  end
  return arrival
end

local function add(i, name)
  local child, job = ARGV[i], job_records.spec(ARGV, i + 2)
  if group then jobs.put_traits(job, traits.with(job.traits, 'group', group)) end
  local fields = job_records.waiting_fields(job)
  push(fields, 'key', ARGV[i + 1])
  push(fields, 'linked', 1)
  if group then
    stored_bytes.put_member(group, ARGV[i + 1], child)
    redis.call('HINCRBY', P .. 'group:' .. group, 'total', 1)
  end
  local arrival = link(child, ARGV[i + 11])
  if arrival == 'refuse' then
    push(fields, 'state_reason', 'dependency')
    push(fields, 'finished_at', now)
    redis.call('DEL', P .. 'job:' .. child .. ':waits')
  else
    redis.call('SADD', key .. ':waits', child)
  end
  job_records.start(child, job, fields, arrival and now or job_records.due_of(job), arrival)
  redis.call('ZADD', P .. 'job:' .. child .. ':dependents', 3, id)
  stored_bytes.put_dependency(id, name, '3 ' .. child)
end

-- A child that was cancelled with an earlier run of this job is replaced by a new one.
local function has(name)
  local edge = redis.call('HGET', key .. ':dependencies', name)
  local child = edge and string.match(edge, '^3 (.+)$')
  if not child then return edge end
  local found = redis.call('HMGET', P .. 'job:' .. child, 'state', 'state_reason')
  if found[1] ~= 'cancelled' or found[2] ~= 'parent' then return true end
  redis.call('ZREM', P .. 'job:' .. child .. ':dependents', id)
end

for i = FIRST, #ARGV, WIDTH do
  local name = string.match(ARGV[i + 1], '[^/]+$')
  if not has(name) then add(i, name) end
end
changed_records.note_quietly({id, group})
if ARGV[5] == '1' then
  -- If the job ends before the last call, its children are cancelled.
  redis.call('HSET', key, 'children_token', marker(earlier + 1))
  consequences.flush()
  return 'added'
end

-- Children that finish leave the set, whether the job waits already or not.
if redis.call('HLEN', key .. ':dependencies') <= CHECKED_AT_MOST then dependents.check_waits(key) end
if redis.call('EXISTS', key .. ':waits') == 0 then
  consequences.flush()
  return 'ready'
end
jobs.end_lease(parent)
jobs.move(id, parent, 'wait_for_children', 0, {'children_token', token}, token)
consequences.flush()
return 'waiting'
