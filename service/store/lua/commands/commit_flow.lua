#!lua flags=allow-oom
-- Makes a staged flow visible. The first call commits it; this and further calls admit its jobs, dependents before
-- their dependencies, so that no job can finish before its dependents exist.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] group id   ARGV[3] jobs admitted before   ARGV[4] total jobs   ARGV[5] name
-- ARGV[6] on_failure   ARGV[7] retention (ms)   ARGV[8] idempotency digest ("" = none)   ARGV[9] digest of the request
-- ARGV[10] how long the record is kept (ms)   ARGV[11] limit on queues per namespace
-- ARGV[12] on the first call what the flow consists of, separated by spaces: "queue|type" of its jobs, or "queue" if
--   that would be too many
-- ARGV[13] on the first call what was staged last: "dependent dependency", or the id of a job in a flow without edges
-- ARGV[14] on the first call the callback, "" = none
-- ARGV[15..] ids of the next staged jobs, the flow's last job first
-- Returns {word, id, created_at, jobs admitted so far}: moved | duplicate (another process has admitted these) |
--   replayed | reused (same idempotency key, other request) | missing (staged too long ago, or lost in a failover) |
--   too_many_queues. Fails if the namespace would exceed a quota
-- Uses: keys, clock, jobs, job_records, groups, tasks, queue_names, idempotency, quotas, stored_bytes, allowance
-- Uses: consequences
-- What a tag of a job costs (allowance.lua).
local TAG = 6
local P, now = keys.prefix, clock.now
local group, key = ARGV[2], P .. 'group:' .. ARGV[2]
local before = redis.call('HMGET', key, 'state', 'admitted', 'created_at')
local admitted, created_at = tonumber(before[2] or 0), before[3]

-- Replicas get writes in order, so a failover that has lost any staged job or edge has lost the last one.
local function is_staged()
  if not redis.call('ZSCORE', P .. 'staged', group) then return false end
  if redis.call('HEXISTS', key, 'discarded') == 1 then return false end
  local dependent, dependency = string.match(ARGV[13], '^(%S+) (%S+)$')
  if dependent then return redis.call('SISMEMBER', P .. 'job:' .. dependent .. ':waits', dependency) == 1 end
  return redis.call('EXISTS', P .. 'job:' .. ARGV[13]) == 1
end

if before[1] and admitted ~= tonumber(ARGV[3]) then return {'duplicate', group, created_at, admitted} end
if not before[1] then
  local known = idempotency.find(ARGV[8], ARGV[9])
  if known then return {known[1], known[2], known[3], 0} end
  if not is_staged() then return {'missing', group, now, 0} end
  for queue in string.gmatch(ARGV[12], '([^%s|]+)%S*') do
    if not queue_names.may_use(queue, tonumber(ARGV[11])) then return {'too_many_queues', group, now, 0} end
    quotas.check_name('queues', 'queues', queue)
  end
  quotas.check(tonumber(ARGV[4]), #ARGV[5] + #ARGV[12] + #ARGV[14], tonumber(ARGV[4]))
  quotas.check_idempotency(ARGV[8])
end
-- Checks above, writes below.
if not before[1] then
  created_at = now
  groups.put_state(group, 'running', 'version', 1, 'name', ARGV[5], 'on_failure', ARGV[6], 'total', ARGV[4],
    'staged', ARGV[4], 'sealed', 1, 'created_at', now, 'retention_ms', ARGV[7], 'generation', 0,
    'contents', ARGV[12])
  if ARGV[14] ~= '' then redis.call('HSET', key, 'callback', ARGV[14]) end
  stored_bytes.add(key, #ARGV[5] + #ARGV[12] + #ARGV[14])
  redis.call('ZADD', P .. 'groups:flow', now, group)
  redis.call('ZREM', P .. 'staged', group)
  idempotency.record(ARGV[8], ARGV[9], group, ARGV[10], {})
  for queue in string.gmatch(ARGV[12], '([^%s|]+)%S*') do queue_names.create(queue) end
end

local function admit(id)
  local job, job_key = jobs.read(id), P .. 'job:' .. id
  local more = redis.call('HMGET', job_key, 'tags', 'expires_at', 'deadline_at', 'delay_ms', 'due_at')
  local first = math.min(tonumber(more[2] or nil) or math.huge, tonumber(more[3] or nil) or math.huge)
  local _, tags = string.gsub(more[1] or '', '%z', '')
  allowance.spend(job, TAG * tags)
  job.tags, job.first_limit = more[1] or nil, first < math.huge and first or nil
  job.delay_ms, job.due_at = more[4], more[5]
  if redis.call('EXISTS', job_key .. ':waits') == 1 then
    job_records.start(id, job, {}, now, 'wait')
  else
    job_records.start(id, job, {}, job_records.due_of(job), nil, tonumber(job.created_at))
  end
end

local count = 0
while 15 + count <= #ARGV and not allowance.is_spent() do
  admit(ARGV[15 + count])
  count = count + 1
end
admitted = redis.call('HINCRBY', key, 'admitted', count)
if not before[1] and admitted < tonumber(ARGV[4]) then tasks.add('admit ' .. group) end
consequences.flush()
return {'moved', group, created_at, admitted}
