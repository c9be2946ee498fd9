#!lua flags=allow-oom
-- Makes a staged flow visible. The first call commits it; this and further calls admit its jobs, dependents before
-- their dependencies, so that no job can finish before its dependents exist.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] group id   ARGV[3] jobs admitted before   ARGV[4] total jobs   ARGV[5] name
-- ARGV[6] on_failure   ARGV[7] retention (ms)   ARGV[8] idempotency digest ("" = none)   ARGV[9] digest of the request
-- ARGV[10] how long the record is kept (ms)   ARGV[11] limit on queues per namespace
-- ARGV[12] on the first call the queues of all jobs, separated by spaces
-- ARGV[13] on the first call the callback, "" = none
-- ARGV[14..] ids of the next staged jobs, the flow's last job first
-- Returns {word, id, created_at, jobs admitted so far}: moved | duplicate (another process has admitted these) |
--   replayed | reused (same idempotency key, other request) | missing (staged too long ago) | too_many_queues
-- Uses: keys, clock, jobs, job_records, groups, tasks, queue_names, idempotency, consequences
local P, now = keys.prefix, clock.now
local group, key = ARGV[2], P .. 'group:' .. ARGV[2]
local before = redis.call('HMGET', key, 'state', 'admitted', 'created_at')
local admitted, created_at = tonumber(before[2] or 0), before[3]
if before[1] and admitted ~= tonumber(ARGV[3]) then return {'duplicate', group, created_at, admitted} end
if not before[1] then
  local known = idempotency.find(ARGV[8], ARGV[9])
  if known then return {known[1], known[2], known[3], 0} end
  if not redis.call('ZSCORE', P .. 'staged', group) or redis.call('HEXISTS', key, 'discarded') == 1 then
    return {'missing', group, now, 0}
  end
  for queue in string.gmatch(ARGV[12], '%S+') do
    if not queue_names.may_use(queue, tonumber(ARGV[11])) then return {'too_many_queues', group, now, 0} end
  end
end
-- Checks above, writes below.
if not before[1] then
  created_at = now
  groups.put_state(group, 'running', 'version', 1, 'name', ARGV[5], 'on_failure', ARGV[6], 'total', ARGV[4],
    'staged', ARGV[4], 'sealed', 1, 'created_at', now, 'retention_ms', ARGV[7], 'generation', 0)
  if ARGV[13] ~= '' then redis.call('HSET', key, 'callback', ARGV[13]) end
  redis.call('ZADD', P .. 'groups:flow', now, group)
  redis.call('ZREM', P .. 'staged', group)
  idempotency.record(ARGV[8], ARGV[9], group, ARGV[10])
  for queue in string.gmatch(ARGV[12], '%S+') do queue_names.create(queue) end
  if #ARGV - 13 < tonumber(ARGV[4]) then tasks.add('admit ' .. group) end
end
for i = 14, #ARGV do
  local id = ARGV[i]
  local job, job_key = jobs.read(id), P .. 'job:' .. id
  local more = redis.call('HMGET', job_key, 'tags', 'expires_at', 'deadline_at', 'delay_ms', 'due_at')
  local first = math.min(tonumber(more[2] or nil) or math.huge, tonumber(more[3] or nil) or math.huge)
  job.tags, job.first_limit = more[1] or nil, first < math.huge and first or nil
  job.delay_ms, job.due_at = more[4], more[5]
  if redis.call('EXISTS', job_key .. ':waits') == 1 then
    job_records.start(id, job, {}, now, 'wait')
  else
    job_records.start(id, job, {}, job_records.due_of(job), nil, tonumber(job.created_at))
  end
end
admitted = redis.call('HINCRBY', key, 'admitted', #ARGV - 13)
consequences.flush()
return {'moved', group, created_at, admitted}
