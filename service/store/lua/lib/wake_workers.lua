-- Wakes workers by markers: the heartbeat of one by a marker in its inbox, an idle one of a pool by the pool's marker.
-- Workers of one namespace block on these keys. Workers of several subscribe to channels of the same names, because one
-- blocking call cannot wait for keys in several slots of a cluster. While nothing happens in a namespace, their
-- heartbeats rest there until a message says that something does.
-- Uses: keys
local P
local AT_SIGN = 64

local function begin() P = keys.prefix end

local function one(worker)
  local inbox = P .. 'worker:' .. worker .. ':inbox'
  redis.call('ZADD', inbox, 0, '1')
  redis.call('PEXPIRE', inbox, 60000)
  redis.call('PUBLISH', inbox, '1')
end

-- The inbox of a worker that leaves.
local function forget(worker) redis.call('UNLINK', P .. 'worker:' .. worker .. ':inbox') end

local function is_subscribed(id) return string.byte(id) == AT_SIGN end

-- As long as the marker of a pool is there, its workers know.
local function pool(id)
  local marker = P .. 'wake:' .. id
  local is_new = redis.call('ZADD', marker, 0, '1') == 1
  if is_new and is_subscribed(id) then redis.call('PUBLISH', marker, '1') end
end

-- Wakes the `count` newest workers.
local function newest(count)
  for _, worker in ipairs(redis.call('ZREVRANGE', P .. 'workers', 0, count - 1)) do one(worker) end
end

-- Ends the rests of all workers.
local function end_rests() redis.call('PUBLISH', P .. 'activity', '1') end

-- A worker of this pool has claimed some jobs. The first leases end the rests, because all workers watch leases.
local function on_claim(id, count)
  if is_subscribed(id) and redis.call('ZCARD', P .. 'leases') <= count then end_rests() end
end

-- Workers of other pools do not end rests when they claim jobs, so no worker may rest as long as there are some.
local function may_rest()
  for _, id in ipairs(redis.call('HKEYS', P .. 'pools')) do
    if not is_subscribed(id) then return false end
  end
  return true
end

return {
  begin = begin, one = one, forget = forget, pool = pool, newest = newest, is_subscribed = is_subscribed,
  end_rests = end_rests, on_claim = on_claim, may_rest = may_rest,
}
