#!lua
-- Begin a fan-out: its template, and its follow-up as a job that is blocked until the fan-out has ended. Items come with add_fan_out_items.lua.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] group id   ARGV[3] retention of the fan-out (ms)   ARGV[4] failures tolerated   ARGV[5] percent tolerated
-- ARGV[6] max_concurrency   ARGV[7] ms without new items after which an open one is given up   ARGV[8] items that are to come at once
-- ARGV[9] idempotency digest   ARGV[10] digest of the request   ARGV[11] ms that the record is kept; "" = none
-- ARGV[12] queues of the namespace at most
-- ARGV[13..] the template, 12 values: name, queue, limit_key, priority, delay_ms, run_at, expires_ms, deadline_ms, retention_ms,
--   payload, options (JSON), tags ("key:value" joined by \0); "" = absent   ARGV[25..] if there is one: id of the follow-up, and its 12 values
-- Returns {word, id, created_at}: moved | replayed | reused (same idempotency key, other request) |
--   full (max_depth of the queue) | too_many_queues
-- Uses: job_indexes
-- Uses: groups
-- Uses: time_limits
-- Uses: queue_names
local SPEC = {'name', 'queue', 'limit_key', 'priority', 'delay_ms', 'due_at', 'expires_ms', 'deadline_ms', 'retention_ms', 'payload', 'options', 'tags'}
local id, key = ARGV[2], P .. 'group:' .. ARGV[2]
local before = redis.call('HGET', key, 'created_at')
if before then return {'moved', id, before} end
if ARGV[9] ~= '' then
  local record = redis.call('HMGET', P .. 'idempotency:' .. ARGV[9], 'request', 'id', 'at')
  if record[1] then return {record[1] == ARGV[10] and 'replayed' or 'reused', record[2], record[3]} end
end
local template = {}
for i, field in ipairs(SPEC) do template[field] = ARGV[12 + i] end
for _, queue in pairs({template.queue, ARGV[25 + 2]}) do
  if not may_name(queue, tonumber(ARGV[12])) then return {'too_many_queues', id, now} end
end
local limit = tonumber(setting(template.queue, 'max_depth') or nil)
if limit and redis.call('ZCARD', queue_key(template.queue, 'queued')) + ARGV[8] > limit then return {'full', id, now} end
-- Checks above, writes below.
local fields = {'state', 'open', 'version', 1, 'total', 0, 'highest', -1, 'created_at', now, 'retention_ms', ARGV[3], 'patience_ms', ARGV[7], 'run', 0}
local function put(field, value) if value ~= '' then fields[#fields + 1] = field; fields[#fields + 1] = value end end
put('tolerance_count', ARGV[4]); put('tolerance_percent', ARGV[5]); put('max_concurrency', ARGV[6])
for field, value in pairs(template) do put('item_' .. field, value) end
if ARGV[25] then
  local job, then_id = {created_at = now}, ARGV[25]
  for i, field in ipairs(SPEC) do job[field] = ARGV[25 + i] end
  put('then', then_id); put('linked', 1)
  redis.call('HSET', P .. 'group:' .. id, unpack(fields))
  fields = {'v', 1, 'version', 1, 'state', 'blocked', 'created_at', now, 'run_at', now}
  for _, field in ipairs({'name', 'queue', 'limit_key', 'priority', 'delay_ms', 'due_at', 'retention_ms', 'payload', 'options', 'tags'}) do put(field, job[field]) end
  time_limits(then_id, put, job.expires_ms, job.deadline_ms, now)
  for tag in string.gmatch(job.tags, '[^%z]+') do append(added, P .. 'tag:' .. tag, now, then_id) end
  key = P .. 'job:' .. then_id
  redis.call('ZADD', P .. 'job:' .. id .. ':dependents', 4, then_id)
  redis.call('HSET', key .. ':dependencies', 'fan_out', '4 ' .. id)
  redis.call('SADD', key .. ':waits', id)
  create_name(job.queue)
  rate(job.queue, 'enqueued')
  enter(then_id, job, 'blocked', 0)
end
redis.call('HSET', key, unpack(fields))
redis.call('ZADD', P .. 'groups:fan', now, id)
if ARGV[6] ~= '' then redis.call('HSET', P .. 'limiters', 'fan:' .. id, ARGV[6]) end
redis.call('ZADD', P .. 'filling', now + ARGV[7], id)
if ARGV[9] ~= '' then
  redis.call('HSET', P .. 'idempotency:' .. ARGV[9], 'request', ARGV[10], 'id', id, 'at', now)
  redis.call('PEXPIRE', P .. 'idempotency:' .. ARGV[9], ARGV[11])
end
flush()
return {'moved', id, now}
