#!lua
-- Adds items to an open fan-out as jobs that may run at once. An index that was added before adds nothing, even if its
-- job has been deleted since. Once the fan-out has failed too often, new items are cancelled at once, like the items
-- that had not started.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] group id   ARGV[3] "1" = the caller has checked the depth of the queue
-- ARGV[4] limit on queues per namespace
-- ARGV[5..] per item 6 values: index, job id, payload, priority, delay_ms, key; "" = use the template's value
-- Returns {word, state, added, first missing index, total items, "1" if sealed}: moved | sealed (and an item is new) |
--   full (the queue) | too_many_queues | missing. Fails if the namespace would exceed a quota
-- Uses: keys, clock, jobs, traits, job_records, queue_settings, queue_names, shared_payloads, quotas
-- Uses: stored_bytes, changed_records, consequences
local P, now, push, WIDTH = keys.prefix, clock.now, job_records.push, 6
local id, key, items = ARGV[2], P .. 'group:' .. ARGV[2], P .. 'group:' .. ARGV[2] .. ':items'
local group = redis.call('HMGET', key, 'state', 'sealed', 'failing', 'highest', 'total', 'patience_ms', 'item_payload')
local state, sealed, failing, template_payload = group[1], group[2], group[3], group[7]
if not state then return {'missing', '', 0, 0, 0, ''} end

local function read_template()
  local names, template = {}, {}
  for i, field in ipairs(job_records.SPEC) do names[i] = 'item_' .. field end
  for i, value in ipairs(redis.call('HMGET', key, unpack(names))) do template[i] = value or '' end
  return template
end

-- Where in ARGV the new items begin, and the highest index including them.
local function find_fresh()
  local fresh, here, highest, ask = {}, {}, tonumber(group[4]), {}
  for i = 5, #ARGV, WIDTH do
    local count = #ask
    ask[count + 1], ask[count + 2], ask[count + 3] = 'GET', 'u1', ARGV[i]
  end
  local taken = #ask > 0 and redis.call('BITFIELD', items, unpack(ask))
  for i = 5, #ARGV, WIDTH do
    local index = ARGV[i]
    if taken[(i - 5) / WIDTH + 1] == 0 and not here[index] then
      fresh[#fresh + 1] = i
      here[index] = true
      highest = math.max(highest, tonumber(index))
    end
  end
  return fresh, highest
end

local fresh, highest = find_fresh()
local function answer(word, total)
  return {word, state, word == 'moved' and #fresh or 0, redis.call('BITPOS', items, 0), total, sealed or ''}
end

if #fresh == 0 then return answer('moved', group[5]) end
if sealed then return answer('sealed', group[5]) end
local template = read_template()
local queue = traits.of(template[1]).queue
-- The queue may have been deleted since the fan-out was created.
if not queue_names.may_use(queue, tonumber(ARGV[4])) then return answer('too_many_queues', group[5]) end
if ARGV[3] ~= '1' and queue_settings.is_full(queue, #fresh) then return answer('full', group[5]) end
-- By how many bytes the bitmap of accepted indexes grows.
local growth = math.max(0, math.floor(highest / 8) + 1 - redis.call('STRLEN', items))
-- The template's payload is stored once, for as long as any item refers to it.
local shares = template_payload and #template_payload > 2
local function check_quotas()
  local first, size = job_records.spec(template, 1), growth + (shares and #template_payload or 0)
  first.payload = ''
  for _, i in ipairs(fresh) do size = size + #ARGV[i + 2] + job_records.size(first) end
  -- create_fan_out.lua has charged the rate for items that it expected.
  quotas.check(#fresh, size, ARGV[3] == '1' and 0 or #fresh, queue, first.limit_key)
end

if quotas.read() then check_quotas() end
-- Checks above, writes below.
local arrival = failing and 'refuse' or nil

local function add(i)
  local index, priority, delay_ms, item_key = ARGV[i], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5]
  local job = job_records.spec(template, 1)
  job.payload = ARGV[i + 2]
  if priority ~= '' then jobs.put_traits(job, traits.with(job.traits, 'priority', priority)) end
  if delay_ms ~= '' then job.delay_ms, job.due_at = delay_ms, nil end
  local fields = job_records.fields(job)
  push(fields, 'index', index)
  if shares then push(fields, 'shared', 1) end
  if item_key ~= '' then push(fields, 'key', item_key) end
  if failing then
    push(fields, 'state_reason', 'fan_out')
    push(fields, 'finished_at', now)
  end
  job_records.start(ARGV[i + 1], job, fields, job_records.due_of(job), arrival)
end

local take = {}
for _, i in ipairs(fresh) do
  add(i)
  local count = #take
  take[count + 1], take[count + 2], take[count + 3], take[count + 4] = 'SET', 'u1', ARGV[i], 1
end
redis.call('BITFIELD', items, unpack(take))
if growth > 0 then
  stored_bytes.add(key, growth)
  changed_records.note_quietly({id})
end
if shares then shared_payloads.add(id, template_payload, #fresh) end
local total = redis.call('HINCRBY', key, 'total', #fresh)
redis.call('HSET', key, 'highest', highest)
redis.call('ZADD', P .. 'open_fan_outs', now + group[6], id)
consequences.flush()
return answer('moved', total)
