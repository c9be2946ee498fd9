-- Writes the events of a call into the outbox of webhooks: one delivery for each endpoint or callback that wants it.
-- The call that ends a job writes them with it, so no crash loses one.
-- Uses: keys, clock, batch, texts, delivery_lanes, wake_workers
local P, counters, numbered, pending
-- Pending deliveries of a namespace, and of each endpoint, so that a failing one leaves space for others.
local MOST, MOST_OF_ENDPOINT = 100000, 50000

local function begin()
  P, counters, numbered, pending = keys.prefix, keys.prefix .. 'counters', nil, nil
end

-- Adds a delivery with a record of names and values; returns its number, or nil if the outbox is full.
local function add(target, resource, record)
  local endpoint = delivery_lanes.endpoint_of(target)
  if not numbered then
    local found = redis.call('HMGET', counters, 'deliveries', 'deliveries_pending')
    numbered, pending = tonumber(found[1] or 0), tonumber(found[2] or 0)
  end
  local of_endpoint = tonumber(redis.call('HGET', delivery_lanes.endpoint_key(endpoint), 'pending') or 0)
  if pending >= MOST or of_endpoint >= MOST_OF_ENDPOINT then
    redis.call('HINCRBY', counters, 'deliveries_dropped', 1)
    redis.call('HINCRBY', delivery_lanes.endpoint_key(endpoint), 'dropped', 1)
    return nil
  end
  numbered, pending = redis.call('HINCRBY', counters, 'deliveries', 1), pending + 1
  delivery_lanes.count(endpoint, 1)
  local text = table.concat({'number', numbered, 'target', target, 'resource', resource, 'at', clock.text}, '\30')
  delivery_lanes.write(endpoint, numbered, text .. '\30' .. table.concat(record, '\30'))
  delivery_lanes.push(target, resource, numbered)
  return numbered
end

-- Wakes the worker that looked for deliveries last, unless it has done so already.
local function wake()
  local worker = redis.call('GET', P .. 'outbox_idle')
  if not worker then return end
  redis.call('DEL', P .. 'outbox_idle')
  wake_workers.one(worker)
end

local function put(record, field, value)
  if value and value ~= '' then texts.push(record, field, value) end
end

-- Only the type of the error: its message may quote the payload.
local function error_type(key)
  local text = texts.read(key, 'error')
  return text and string.match(text, '^{"type":"([^"]*)"')
end

local JOB = {'created_at', 'started_at', 'finished_at', 'state_reason', 'failures', 'key', 'index'}
local function describe_job(id, job)
  local key, record = P .. 'job:' .. id, {'name', job.name, 'queue', job.queue, 'version', job.version}
  for i, value in ipairs(redis.call('HMGET', key, unpack(JOB))) do put(record, JOB[i], value) end
  put(record, 'group', job.group)
  put(record, 'error', error_type(key))
  return record
end

local GROUP = {
  'version', 'name', 'item_traits', 'created_at', 'finished_at', 'total', 'succeeded', 'dead', 'cancelled',
}
local function describe_group(id)
  local record = {}
  for i, value in ipairs(redis.call('HMGET', P .. 'group:' .. id, unpack(GROUP))) do put(record, GROUP[i], value) end
  return record
end

local function describe(id, subject, kind)
  if kind == 'job' then return describe_job(id, subject) end
  if kind == 'queue' then return {'queue', subject.queue} end
  return describe_group(id)
end

-- The URL of the job's or group's callback, if it wants this outcome. Its record has "outcome,outcome url".
local function callback_url(id, subject, kind)
  local outcomes = subject.callback and string.match(subject.callback, '^%S+')
  if not outcomes or not string.find(',' .. outcomes .. ',', ',' .. subject.state .. ',', 1, true) then return nil end
  local text
  if kind == 'job' then
    text = texts.read(P .. 'job:' .. id, 'callback')
  else
    text = redis.call('HGET', P .. 'group:' .. id, 'callback')
  end
  return string.match(text, '^%S+ (.+)$')
end

-- Whether an endpoint with these events (",job.dead,flow.*,") wants this one.
local function wants(events, kind, event)
  return string.find(events, ',' .. event .. ',', 1, true) or string.find(events, ',' .. kind .. '.*,', 1, true)
    or string.find(events, ',*,', 1, true)
end

local function announce(id, subject, subscriptions)
  local kind = subject.kind or 'job'
  local event, record = kind .. '.' .. subject.state, nil
  local function deliver(target, url)
    record = record or describe(id, subject, kind)
    local text = {'event', event, unpack(record)}
    put(text, 'url', url)
    add(target, id, text)
  end
  for i = 1, #subscriptions, 2 do
    if wants(subscriptions[i + 1], kind, event) then deliver(subscriptions[i]) end
  end
  local url = callback_url(id, subject, kind)
  if url then deliver(string.match(url, '^%a+://[^/?]+'), url) end
end

-- Writes what batch.events has: ids, each followed by its job, or by a table with kind and state.
local function write()
  local subscriptions, events = redis.call('HGETALL', P .. 'subscriptions'), batch.events
  for i = 1, #events, 2 do announce(events[i], events[i + 1], subscriptions) end
  if numbered then wake() end
end

return {begin = begin, add = add, wake = wake, write = write}
