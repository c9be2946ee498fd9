-- The quotas of the namespace (docs/adr/0047). Without any, the hash `quotas` does not exist, and nothing is counted.
-- Uses: keys, clock, counted, idempotency
local P, now, LIMIT_KEYS, UNIQUE
local FIELDS = {
  'jobs', 'stored_bytes', 'queues', 'limit_keys', 'unique_keys', 'schedules', 'idempotency_bytes', 'bulk_actions',
  'submissions_per_second', 'used_jobs', 'used_bytes', 'submitted_until',
}
-- A submission may use the allowance of this time (ms) at once.
local BURST = 1000
-- A flow or a fan-out uses at most the allowance of this time (ms) in advance.
local LONGEST = 60000
local limits, jobs, bytes, until_, remembered, new_queues, new_keys, new_unique

local function begin() P, now, limits = keys.prefix, clock.now, nil end

-- Reads the hash once per call; false without quotas.
local function read()
  if limits ~= nil then return limits end
  limits = counted.on() and {}
  if not limits then return false end
  LIMIT_KEYS, UNIQUE = P .. 'limit_key_jobs', P .. 'unique_names'
  local values = redis.call('HMGET', P .. 'quotas', unpack(FIELDS))
  for i, name in ipairs(FIELDS) do limits[name] = tonumber(values[i] or nil) end
  jobs, bytes, until_ = limits.used_jobs or 0, limits.used_bytes or 0, math.max(limits.submitted_until or 0, now)
  remembered, new_queues, new_keys, new_unique = nil, {}, {}, {}
  return limits
end

local function over(name, used)
  local limit = limits[name]
  if limit and used > limit then return string.format('%s %.0f', name, limit) end
end

-- A name counts if it is new: `is_new` and `size` ask Redis only if there is a quota.
local function over_names(name, seen, member, is_known, size)
  if not limits[name] or not member or seen[member] or is_known(member) then return nil end
  local count = size() + 1
  for _ in pairs(seen) do count = count + 1 end
  local reason = over(name, count)
  if not reason then seen[member] = true end
  return reason
end

-- unique:<queue>|<key> without the prefix.
local function unique_name(key) return key and string.sub(key, #P + 8) end

local function knows_queue(member) return redis.call('ZSCORE', P .. 'queues', member) end
local function count_queues() return redis.call('ZCARD', P .. 'queues') end
local function knows_limit_key(member) return redis.call('HEXISTS', LIMIT_KEYS, member) == 1 end
local function count_limit_keys() return redis.call('HLEN', LIMIT_KEYS) end
local function knows_unique(member) return redis.call('ZSCORE', UNIQUE, member) end
local function count_unique()
  redis.call('ZREMRANGEBYSCORE', UNIQUE, '-inf', now)
  return redis.call('ZCARD', UNIQUE)
end

-- The same for the record of an idempotency key.
local function over_idempotency(size)
  if size == 0 or not limits.idempotency_bytes then return nil end
  remembered = (remembered or idempotency.used()) + size
  return over('idempotency_bytes', remembered)
end

-- The quota that these jobs would exceed, as "name limit", or nil: then they are charged to this call. `submitted` is
-- how many of them count for the rate; `unique` is the Redis key of a unique key, `record` the bytes of an idempotency
-- record.
local function exceeded(count, size, submitted, queue, limit_key, unique, record)
  local reason = over('jobs', jobs + count) or over('stored_bytes', bytes + size)
    or over_names('queues', new_queues, queue, knows_queue, count_queues)
    or over_names('limit_keys', new_keys, limit_key and queue .. '|' .. limit_key, knows_limit_key, count_limit_keys)
    or over_names('unique_keys', new_unique, unique_name(unique), knows_unique, count_unique)
    or over_idempotency(record or 0)
  if reason then return reason end
  local rate = limits.submissions_per_second
  if rate and submitted > 0 then
    local wait = until_ - now - BURST
    if wait >= 0 then return string.format('submissions_per_second %.0f %.0f', rate, wait + 1) end
    until_ = math.min(until_ + submitted * 1000 / rate, now + BURST + LONGEST)
  end
  jobs, bytes = jobs + count, bytes + size
end

-- The same for one job that a client submits.
local function exceeded_by(job, size, unique, record)
  return exceeded(1, size, 1, job.queue, job.limit_key, unique, record)
end

local function refuse(reason)
  if reason then error({err = 'QUOTA ' .. reason}) end
end

-- Ends the call, before it has written anything, if the namespace has no room for these jobs.
local function check(count, size, submitted, queue, limit_key)
  if read() then refuse(exceeded(count, size, submitted, queue, limit_key)) end
end

-- The same for a request with this idempotency digest.
local function check_idempotency(digest)
  if read() then refuse(over_idempotency(idempotency.size(digest, 0))) end
end

-- The same for one more queue, schedule or bulk action, if it is new.
local function check_name(name, set, member)
  if not read() or not limits[name] or redis.call('ZSCORE', P .. set, member) then return end
  refuse(over(name, redis.call('ZCARD', P .. set) + 1))
end

-- Until when the rate is used up by this call (ms), or nil if it has not changed.
local function submitted_until()
  return limits and limits.submissions_per_second and until_ > now and until_ or nil
end

return {
  begin = begin, read = read, exceeded = exceeded, exceeded_by = exceeded_by, check = check, check_name = check_name,
  check_idempotency = check_idempotency, unique_name = unique_name, submitted_until = submitted_until,
}
