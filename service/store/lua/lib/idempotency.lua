-- Idempotency records: idempotency:<digest> stores the result of a request.
--
-- With quotas, idempotency_usage counts their bytes. Records expire one by one, without a script that could subtract
-- them, so the bytes are counted by the minute in which they expire: a passed minute no longer counts (docs/adr/0055).
-- Uses: keys, clock, batch
local P, now, usage
-- What a record counts for in addition to its texts.
local RECORD, MINUTE = 384, 60000

local function begin() P, now, usage = keys.prefix, clock.now, keys.prefix .. 'idempotency_usage' end

-- Compares a request with the record of its key, if there is one. Returns "replayed" (same request) or "reused"
-- (another one), the id that was created, when, and what else the record holds.
local function find(digest, request)
  if digest == '' then return nil end
  local known = redis.call('HMGET', P .. 'idempotency:' .. digest, 'request', 'id', 'at', 'options', 'admitted',
    'traits')
  if not known[1] then return nil end
  local word = known[1] == request and 'replayed' or 'reused'
  return {word, known[2], known[3], known[4] or '', known[5] or '', known[6] or ''}
end

-- What a new record counts for, with so many bytes of further texts.
local function size(digest, further) return digest == '' and 0 or RECORD + further end

-- `further` are more fields to write, each a name and a text.
local function record(digest, request, id, keep_ms, further)
  if digest == '' then return end
  local key, bytes = P .. 'idempotency:' .. digest, RECORD
  redis.call('HSET', key, 'request', request, 'id', id, 'at', now, unpack(further))
  redis.call('PEXPIRE', key, keep_ms)
  for i = 2, #further, 2 do bytes = bytes + #further[i] end
  batch.remembered, batch.remembered_for = batch.remembered + bytes, tonumber(keep_ms)
end

-- The minutes that have passed since the last count, their bytes, and the bytes of all minutes.
local function passed()
  local known, this = redis.call('HMGET', usage, 'total', 'minute'), math.floor(now / MINUTE)
  local total, minutes, bytes = tonumber(known[1] or 0), {}, 0
  for minute = tonumber(known[2] or this), this - 1 do minutes[#minutes + 1] = string.format('%.0f', minute) end
  local values = #minutes > 0 and redis.call('HMGET', usage, unpack(minutes)) or minutes
  for _, value in ipairs(values) do bytes = bytes + tonumber(value or 0) end
  return minutes, bytes, total
end

-- The bytes of the records that exist. A record counts for at most a minute longer than it exists.
local function used()
  local _, bytes, total = passed()
  return total - bytes
end

-- Counts the records of this call.
local function count()
  if batch.remembered == 0 then return end
  local minutes, bytes = passed()
  if #minutes > 0 then redis.call('HDEL', usage, unpack(minutes)) end
  redis.call('HSET', usage, 'minute', string.format('%.0f', math.floor(now / MINUTE)))
  redis.call('HINCRBY', usage, 'total', batch.remembered - bytes)
  local last = string.format('%.0f', math.floor((now + batch.remembered_for) / MINUTE))
  redis.call('HINCRBY', usage, last, batch.remembered)
  -- Then all records have expired, so there are never more minutes to read than this.
  redis.call('PEXPIRE', usage, batch.remembered_for + 2 * MINUTE)
  batch.remembered = 0
end

return {begin = begin, find = find, size = size, record = record, used = used, count = count}
