#!lua
-- Add items to an open fan-out as jobs that may run at once. An index that it has taken before adds nothing, even when its job has been
-- forgotten since; items that come after its tolerance was crossed are cancelled as those were that had not started.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] group id   ARGV[3] "1" = the depth of the queue was looked at before   ARGV[4] queues of the namespace at most
-- ARGV[5..] per item 6 values: index, job id, payload, priority, delay_ms, key; "" = the template's
-- Returns {word, state, added, first missing index, items in all, "1" if sealed}: moved | sealed (an item is new) | full (the queue) | too_many_queues | missing
-- Uses: job_indexes
-- Uses: groups
-- Uses: queue_names
local WIDTH, id, key, items = 6, ARGV[2], P .. 'group:' .. ARGV[2], P .. 'group:' .. ARGV[2] .. ':items'
local ITEM = {'name', 'queue', 'limit_key', 'priority', 'delay_ms', 'due_at', 'expires_ms', 'deadline_ms', 'retention_ms', 'options', 'tags'}
local group = redis.call('HMGET', key, 'state', 'sealed', 'failing', 'highest', 'total', 'patience_ms', 'item_payload')
if not group[1] then return {'missing', '', 0, 0, 0, ''} end
local template, fresh, highest, here = {}, {}, tonumber(group[4]), {}
for i, field in ipairs(ITEM) do ITEM[i] = 'item_' .. field end
for i, value in ipairs(redis.call('HMGET', key, unpack(ITEM))) do template[string.sub(ITEM[i], 6)] = value or nil end
for i = 5, #ARGV, WIDTH do
  if redis.call('GETBIT', items, ARGV[i]) == 0 and not here[ARGV[i]] then
    fresh[#fresh + 1] = i
    here[ARGV[i]] = true
    highest = math.max(highest, tonumber(ARGV[i]))
  end
end
local function answer(word, total)
  return {word, group[1], word == 'moved' and #fresh or 0, redis.call('BITPOS', items, 0), total, group[2] or ''}
end
if #fresh == 0 then return answer('moved', group[5]) end
if group[2] then return answer('sealed', group[5]) end
-- The queue may have been forgotten since the fan-out began.
if not may_name(template.queue, tonumber(ARGV[4])) then return answer('too_many_queues', group[5]) end
local limit = ARGV[3] ~= '1' and tonumber(setting(template.queue, 'max_depth') or nil)
if limit and redis.call('ZCARD', queue_key(template.queue, 'queued')) + #fresh > limit then return answer('full', group[5]) end

-- Checks above, writes below.
create_name(template.queue)
local expires, deadline, tags = tonumber(template.expires_ms or nil), tonumber(template.deadline_ms or nil), {}
local expiry = math.min(expires or math.huge, deadline or math.huge)
for tag in string.gmatch(template.tags or '', '[^%z]+') do tags[#tags + 1] = P .. 'tag:' .. tag end
local same = {'v', 1, 'version', 1, 'name', template.name, 'queue', template.queue, 'options', template.options, 'created_at', now,
  'retention_ms', template.retention_ms, 'group', id}
local function all(field, value) if value then same[#same + 1] = field; same[#same + 1] = value end end
-- What the template's payload says is kept once, and for as long as one of its jobs is.
local shared = group[7] and #group[7] > 2
all('shared', shared and 1)
all('limit_key', template.limit_key); all('tags', template.tags)
all('expires_at', expires and now + expires); all('deadline_at', deadline and now + deadline)
all('expires_ms', expires); all('deadline_ms', deadline)
local width = #same
for _, i in ipairs(fresh) do
  local job_id, priority = ARGV[i + 1], ARGV[i + 3] ~= '' and ARGV[i + 3] or template.priority
  local job = {queue = template.queue, name = template.name, limit_key = template.limit_key, priority = priority, created_at = now, group = id}
  for j = #same, width + 1, -1 do same[j] = nil end
  all('index', ARGV[i]); all('payload', ARGV[i + 2]); all('priority', priority)
  if ARGV[i + 5] ~= '' then all('key', ARGV[i + 5]) end
  local due, state, at = tonumber(template.due_at or nil) or now + template.delay_ms, 'queued', now
  if ARGV[i + 4] ~= '' then due = now + ARGV[i + 4] end
  all('run_at', math.max(due, now))
  if group[3] then
    state, at = 'cancelled', now + template.retention_ms
    all('state_reason', 'fan_out'); all('finished_at', now)
  elseif due > now then
    state, at = 'scheduled', due
  else
    at = running_order(job.queue, priority, now)
    all('queued_at', now); all('score', at)
  end
  all('state', state)
  if expiry < math.huge and not group[3] then all('expiry', 1); append(added, P .. 'expiry', now + expiry, job_id) end
  for _, tag in ipairs(tags) do append(added, tag, now, job_id) end
  redis.call('SETBIT', items, ARGV[i], 1)
  redis.call('HSET', P .. 'job:' .. job_id, unpack(same))
  rate(job.queue, 'enqueued')
  enter(job_id, job, state, at)
end
if shared then
  redis.call('HSETNX', P .. 'payload:' .. id, 'json', group[7])
  redis.call('HINCRBY', P .. 'payload:' .. id, 'jobs', #fresh)
end
local total = redis.call('HINCRBY', key, 'total', #fresh)
redis.call('HSET', key, 'highest', highest)
redis.call('ZADD', P .. 'filling', now + group[6], id)
flush()
return answer('moved', total)
