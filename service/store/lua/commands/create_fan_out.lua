#!lua
-- Creates a fan-out: its template, and its follow-up as a job that is blocked until the fan-out finishes.
-- add_fan_out_items.lua adds the items.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] group id   ARGV[3] retention of the fan-out (ms)   ARGV[4] failures tolerated
-- ARGV[5] percent tolerated   ARGV[6] max_concurrency
-- ARGV[7] how long an open fan-out may go without new items before it is abandoned (ms)
-- ARGV[8] items that follow immediately   ARGV[9] idempotency digest   ARGV[10] digest of the request
-- ARGV[11] how long the record is kept (ms); "" = no record   ARGV[12] limit on queues per namespace
-- ARGV[13] callback, "" = none   ARGV[14..22] the spec of an item (job_records.lua)
-- ARGV[23..] if there is a follow-up: its id and spec
-- Returns {word, id, created_at}: moved | replayed | reused (same idempotency key, other request) |
--   full (max_depth of the queue) | too_many_queues. Fails if the namespace would exceed a quota
-- Uses: keys, clock, batch, job_records, queue_settings, queue_names, groups, idempotency, quotas, stored_bytes
-- Uses: consequences, changed_records
local P, now = keys.prefix, clock.now
local id, then_id, max_concurrency = ARGV[2], ARGV[23], ARGV[6]
local before = redis.call('HGET', P .. 'group:' .. id, 'created_at')
if before then return {'moved', id, before} end
local known = idempotency.find(ARGV[9], ARGV[10])
if known then return {known[1], known[2], known[3]} end
local item, follow_up = job_records.spec(ARGV, 14), then_id and job_records.spec(ARGV, 24)
local queues = {item.queue, follow_up and follow_up.queue}
for _, queue in ipairs(queues) do
  if not queue_names.may_use(queue, tonumber(ARGV[12])) then return {'too_many_queues', id, now} end
end
if queue_settings.is_full(item.queue, ARGV[8]) then return {'full', id, now} end
local items, size = tonumber(ARGV[8]), stored_bytes.GROUP
for i = 13, 22 do size = size + #ARGV[i] end
if follow_up then quotas.check_name('queues', 'queues', follow_up.queue) end
local further = follow_up and job_records.size(follow_up) + stored_bytes.DEPENDENCY or 0
quotas.check(items + (follow_up and 1 or 0), size + further, math.max(1, items), item.queue, item.limit_key)
quotas.check_idempotency(ARGV[9])
-- Checks above, writes below.
local fields = {
  'version', 1, 'total', 0, 'highest', -1, 'created_at', now, 'retention_ms', ARGV[3],
  'patience_ms', ARGV[7], 'generation', 0,
}
local function put(field, value)
  if value ~= '' then
    fields[#fields + 1] = field
    fields[#fields + 1] = value
  end
end
put('tolerance_count', ARGV[4])
put('tolerance_percent', ARGV[5])
put('max_concurrency', max_concurrency)
put('callback', ARGV[13])
for i, field in ipairs(job_records.SPEC) do put('item_' .. field, ARGV[13 + i]) end
put(stored_bytes.FURTHER, size)
batch.stored = batch.stored + size
put('contents', item.queue .. '|' .. item.name .. (follow_up and ' ' .. follow_up.queue .. '|' .. follow_up.name or ''))
if follow_up then
  put('then', then_id)
  put('linked', 1)
end
groups.put_state(id, 'open', unpack(fields))
redis.call('ZADD', P .. 'groups:fan', now, id)
if max_concurrency ~= '' then redis.call('HSET', P .. 'limiters', 'fan:' .. id, max_concurrency) end
redis.call('ZADD', P .. 'open_fan_outs', now + ARGV[7], id)
idempotency.record(ARGV[9], ARGV[10], id, ARGV[11], {})
if follow_up then
  redis.call('ZADD', P .. 'job:' .. id .. ':dependents', 4, then_id)
  stored_bytes.put_dependency(then_id, 'fan_out', '4 ' .. id)
  redis.call('SADD', P .. 'job:' .. then_id .. ':waits', id)
  job_records.start(then_id, follow_up, job_records.waiting_fields(follow_up), now, 'wait')
end
consequences.flush()
changed_records.note_quietly({id})
return {'moved', id, now}
