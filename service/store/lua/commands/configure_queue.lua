#!lua flags=allow-oom
-- Changes the settings of a queue, and creates it if necessary. Triage checks the queue's closed limiters again and
-- wakes workers that can run its jobs. Freezes stay unless the caller thaws them.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] queue   ARGV[3] expected version   ARGV[4] limit on queues per namespace
-- ARGV[5] freezes to thaw: "" = none, "*" = all, or job types with a space before and after each, for jobs without a
--   limit key
-- ARGV[6] limit on overrides per queue
-- ARGV[7..] field, value ("" removes the field); a field "key:<limit key>" is an override
-- Returns {moved | version | too_many_queues | too_many_overrides, version}. Fails if the namespace has its quota of
--   queues
-- Uses: keys, queue_names, limiter_rescans, closed_limiters, marks, quotas, writer
local P, queue = keys.prefix, ARGV[2]
local key, overrides, frozen = P .. 'queue:' .. queue, keys.queue(queue, 'keys'), keys.queue(queue, 'frozen')
local version = redis.call('HGET', key, 'version') or '1'
if ARGV[3] ~= '' and ARGV[3] ~= version then return {'version', version} end
if not queue_names.may_use(queue, tonumber(ARGV[4])) then return {'too_many_queues', version} end
quotas.check_name('queues', 'queues', queue)
-- Thousands of overrides may change: `names` to look up, `put` (each with a value) and `removed`.
local names, put, removed = {}, {}, {}
for i = 7, #ARGV, 2 do
  if string.sub(ARGV[i], 1, 4) == 'key:' then
    local name, value = string.sub(ARGV[i], 5), ARGV[i + 1]
    names[#names + 1] = name
    if value == '' then removed[#removed + 1] = name else put[#put + 1], put[#put + 2] = name, value end
  end
end

-- Calls a command for a list, some values at a time.
local function each_portion(command, hash, list, visit)
  for i = 1, #list, 1000 do
    local found = redis.call(command, hash, unpack(list, i, math.min(#list, i + 999)))
    if visit then visit(found) end
  end
end

local before = redis.call('HLEN', overrides)
local after = before + #put / 2
each_portion('HMGET', overrides, names, function(found)
  for _, value in ipairs(found) do if value then after = after - 1 end end
end)
if after > before and after > tonumber(ARGV[6]) then return {'too_many_overrides', version} end
-- Checks above, writes below.
queue_names.create(queue)
local pauses = redis.call('HMGET', key, 'paused', 'paused_types')
each_portion('HSET', overrides, put)
each_portion('HDEL', overrides, removed)
for i = 7, #ARGV, 2 do
  local hash, field = key, ARGV[i]
  if field == 'defaults' then hash, field = P .. 'defaults', queue end
  if string.sub(field, 1, 4) ~= 'key:' then
    if ARGV[i + 1] == '' then redis.call('HDEL', hash, field) else redis.call('HSET', hash, field, ARGV[i + 1]) end
  end
end
redis.call('HSET', key, 'version', version + 1)
-- A claim reads the queue's limits only if this field is set.
local limited = redis.call('EXISTS', overrides) == 1 and 'keys'
local values = redis.call('HMGET', key, 'max_concurrency', 'rate_limit', 'key_max_concurrency', 'key_rate_limit',
  'paused_types')
for _, value in ipairs(values) do limited = limited or value and '1' end
if limited then redis.call('HSET', key, 'limited', limited) else redis.call('HDEL', key, 'limited') end
if ARGV[5] == '*' then
  redis.call('DEL', frozen, keys.queue(queue, 'frozen_by'))
else
  for name in string.gmatch(ARGV[5], '%S+') do
    redis.call('ZREM', frozen, 'type:' .. name)
    redis.call('HDEL', keys.queue(queue, 'frozen_by'), 'type:' .. name)
  end
end
marks.pauses(queue, pauses, redis.call('HMGET', key, 'paused', 'paused_types'))
redis.call('HDEL', P .. 'rescans', queue)
limiter_rescans.rescan(queue)
closed_limiters.reopen('queue:' .. queue)
writer.write()
return {'moved', version + 1}
