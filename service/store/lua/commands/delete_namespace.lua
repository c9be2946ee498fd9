#!lua flags=allow-oom
-- Deletes the record of a namespace without jobs, queues and schedules, its quotas, its webhooks (events of the next
-- tenant of that name must not reach their endpoints), and what else remains. What its workers still need is deleted
-- when the last one leaves.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] limit on targets of callbacks: each origin is one
-- Returns moved | more (targets are left, so call it again) | missing | not_empty
-- Uses: keys, deletion, delivery_lanes
local P = keys.prefix
if redis.call('EXISTS', P .. 'namespace') == 0 then return 'missing' end
if not deletion.is_empty() then return 'not_empty' end
-- Checks above, writes below.

local function forget_target(target)
  redis.call('ZREM', P .. 'outbox', target)
  redis.call('UNLINK', delivery_lanes.line_key(target), delivery_lanes.waiting_key(target),
    delivery_lanes.failing_key(target))
end

local targets = redis.call('ZRANGE', P .. 'outbox', 0, ARGV[2])
for i = 1, math.min(#targets, ARGV[2]) do forget_target(targets[i]) end
if #targets > tonumber(ARGV[2]) then return 'more' end
local endpoints = redis.call('ZRANGE', P .. 'webhooks', 0, -1)
endpoints[#endpoints + 1] = 'callbacks'
for _, id in ipairs(endpoints) do
  forget_target(id)
  redis.call('UNLINK', delivery_lanes.endpoint_key(id), delivery_lanes.pending_key(id), delivery_lanes.ended_key(id))
end
redis.call('HDEL', P .. 'counters', 'deliveries_pending', 'deliveries_dropped')
redis.call('UNLINK', P .. 'webhooks', P .. 'subscriptions', P .. 'namespace', P .. 'quotas', P .. 'limit_key_jobs',
  P .. 'unique_names', P .. 'audit')
redis.call('HDEL', P .. 'defaults', '*')
deletion.note()
deletion.clean()
return 'moved'
