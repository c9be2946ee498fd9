-- Writes how much this call changes what the namespace uses of its quotas. The other libraries only note the changes in
-- the batch.
-- Uses: keys, batch, quotas, idempotency
local P
local LIVE = {queued = true, scheduled = true, retrying = true, running = true, blocked = true}

local function begin() P = keys.prefix end

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

local function add(key, field, change)
  if change ~= 0 and redis.call('HINCRBY', key, field, change) < 0 then redis.call('HSET', key, field, 0) end
end

-- Writes what the pending writes of the batch change. Called once per write of the batch.
local function write()
  local used, of_limits, of_unique = P .. 'quotas', P .. 'limit_key_jobs', P .. 'unique_names'
  add(used, 'used_jobs', change_in_jobs())
  add(used, 'used_bytes', batch.stored)
  batch.stored = 0
  idempotency.count()
  for member, change in pairs(batch.limit_keys) do
    if redis.call('HINCRBY', of_limits, member, change) <= 0 then redis.call('HDEL', of_limits, member) end
  end
  for key, held_until in pairs(batch.unique_keys) do
    local member = quotas.unique_name(key)
    if held_until then
      redis.call('ZADD', of_unique, held_until, member)
    else
      redis.call('ZREM', of_unique, member)
    end
  end
  local submitted_until = quotas.submitted_until()
  if submitted_until then redis.call('HSET', used, 'submitted_until', string.format('%.3f', submitted_until)) end
end

return {begin = begin, write = write}
