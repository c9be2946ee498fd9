-- Idempotency records: idempotency:<digest> stores the result of a request.
-- Uses: keys, clock
local P, now

local function begin() P, now = keys.prefix, clock.now end

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

-- `...` are more fields to write.
local function record(digest, request, id, keep_ms, ...)
  if digest == '' then return end
  local key = P .. 'idempotency:' .. digest
  redis.call('HSET', key, 'request', request, 'id', id, 'at', now, ...)
  redis.call('PEXPIRE', key, keep_ms)
end

return {begin = begin, find = find, record = record}
