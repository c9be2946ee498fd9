-- The quotas of the namespace, and how much it uses of them (docs/adr/0047). Without quotas, the hash `quotas` does not
-- exist, nothing is counted, and the other libraries only note the changes in the batch.
-- Uses: keys, clock, batch, counted
local P, now, KEY, LIMIT_KEYS, UNIQUE
local LIVE = {queued = true, scheduled = true, retrying = true, running = true, blocked = true}
local FIELDS = {
  'jobs', 'stored_bytes', 'queues', 'limit_keys', 'unique_keys', 'schedules', 'submissions_per_second', 'used_jobs',
  'used_bytes', 'submitted_until',
}
-- A submission may use the allowance of this time (ms) at once.
local BURST = 1000
-- A flow or a fan-out uses at most the allowance of this time (ms) in advance.
local LONGEST = 60000
local limits, jobs, bytes, until_, new_queues, new_keys, new_unique

local function begin() P, now, limits = keys.prefix, clock.now, nil end

local function put_names() KEY, LIMIT_KEYS, UNIQUE = P .. 'quotas', P .. 'limit_key_jobs', P .. 'unique_names' end

-- Reads the hash once per call; false without quotas.
local function read()
  if limits ~= nil then return limits end
  limits = counted.on() and {}
  if not limits then return false end
  put_names()
  local values = redis.call('HMGET', KEY, unpack(FIELDS))
  for i, name in ipairs(FIELDS) do limits[name] = tonumber(values[i] or nil) end
  jobs, bytes, until_ = limits.used_jobs or 0, limits.used_bytes or 0, math.max(limits.submitted_until or 0, now)
  new_queues, new_keys, new_unique = {}, {}, {}
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

-- The quota that these jobs would exceed, as "name limit", or nil: then they are charged to this call. `submitted` is
-- how many of them count for the rate; `unique` is the Redis key of a unique key.
local function exceeded(count, size, submitted, queue, limit_key, unique)
  local reason = over('jobs', jobs + count) or over('stored_bytes', bytes + size)
    or over_names('queues', new_queues, queue, knows_queue, count_queues)
    or over_names('limit_keys', new_keys, limit_key and queue .. '|' .. limit_key, knows_limit_key, count_limit_keys)
    or over_names('unique_keys', new_unique, unique_name(unique), knows_unique, count_unique)
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
local function exceeded_by(job, size, unique) return exceeded(1, size, 1, job.queue, job.limit_key, unique) end

local function refuse(reason)
  if reason then error({err = 'QUOTA ' .. reason}) end
end

-- Ends the call, before it has written anything, if the namespace has no room for these jobs.
local function check(count, size, submitted, queue, limit_key)
  if read() then refuse(exceeded(count, size, submitted, queue, limit_key)) end
end

-- The same for one more queue or schedule, if it is new.
local function check_name(name, set, member)
  if not read() or not limits[name] or redis.call('ZSCORE', P .. set, member) then return end
  refuse(over(name, redis.call('ZCARD', P .. set) + 1))
end

-- Whether a key is the set of a queue's jobs in an unfinished state.
local function is_live(key) return LIVE[string.match(key, '^queue:[^|]+|(%a+)$', #P + 1) or ''] end

-- How the number of unfinished jobs changes by the pending writes: each is in one set of its queue.
local function change_in_jobs()
  local change = 0
  for key, members in pairs(batch.added) do
    if is_live(key) then change = change + #members / 2 end
  end
  for key, members in pairs(batch.removed) do
    if is_live(key) then change = change - #members end
  end
  return change
end

local function add(field, change)
  if change ~= 0 and redis.call('HINCRBY', KEY, field, change) < 0 then redis.call('HSET', KEY, field, 0) end
end

-- Writes what the pending writes of the batch change. Called once per write of the batch.
local function write()
  put_names()
  add('used_jobs', change_in_jobs())
  add('used_bytes', batch.stored)
  batch.stored = 0
  for member, change in pairs(batch.limit_keys) do
    if redis.call('HINCRBY', LIMIT_KEYS, member, change) <= 0 then redis.call('HDEL', LIMIT_KEYS, member) end
  end
  for key, held_until in pairs(batch.unique_keys) do
    local member = unique_name(key)
    if held_until then
      redis.call('ZADD', UNIQUE, held_until, member)
    else
      redis.call('ZREM', UNIQUE, member)
    end
  end
  if limits and limits.submissions_per_second and until_ > now then
    redis.call('HSET', KEY, 'submitted_until', string.format('%.3f', until_))
  end
end

return {
  begin = begin, read = read, exceeded = exceeded, exceeded_by = exceeded_by, check = check, check_name = check_name,
  write = write,
}
