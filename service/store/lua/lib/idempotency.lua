-- Records of idempotency: idempotency:<digest> remembers what a request was answered.
-- Uses: keys, clock
local P, now = keys.prefix, clock.now

-- How a request stands to the one that came before under its key, if there was one: replayed (the same) or reused
-- (another one); then what that one made, when, and what its record kept.
local function find(digest, request)
  if digest == '' then return nil end
  local known = redis.call('HMGET', P .. 'idempotency:' .. digest, 'request', 'id', 'at', 'options', 'admitted')
  if not known[1] then return nil end
  return {known[1] == request and 'replayed' or 'reused', known[2], known[3], known[4], known[5] or nil}
end

-- `...` are further fields of the record.
local function record(digest, request, id, keep_ms, ...)
  if digest == '' then return end
  local key = P .. 'idempotency:' .. digest
  redis.call('HSET', key, 'request', request, 'id', id, 'at', now, ...)
  redis.call('PEXPIRE', key, keep_ms)
end

return {find = find, record = record}
