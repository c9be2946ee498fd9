-- Wakes workers by markers: the heartbeat of one by a marker in its inbox, an idle one of a pool by the pool's marker.
-- Workers of one namespace block on these keys. Workers of several subscribe to channels of the same names, because one
-- blocking call cannot wait for keys in several slots of a cluster.
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

-- As long as the marker of a pool is there, its workers know.
local function pool(id)
  local marker = P .. 'wake:' .. id
  local is_new = redis.call('ZADD', marker, 0, '1') == 1
  if is_new and string.byte(id) == AT_SIGN then redis.call('PUBLISH', marker, '1') end
end

-- Wakes the `count` newest workers.
local function newest(count)
  for _, worker in ipairs(redis.call('ZREVRANGE', P .. 'workers', 0, count - 1)) do one(worker) end
end

return {begin = begin, one = one, pool = pool, newest = newest}
