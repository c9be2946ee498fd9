-- Wakes the heartbeats of workers by a marker in their inboxes.
-- Uses: keys
local P

local function begin() P = keys.prefix end

local function one(worker)
  redis.call('ZADD', P .. 'worker:' .. worker .. ':inbox', 0, '1')
  redis.call('PEXPIRE', P .. 'worker:' .. worker .. ':inbox', 60000)
end

-- Wakes the `count` newest workers.
local function newest(count)
  for _, worker in ipairs(redis.call('ZREVRANGE', P .. 'workers', 0, count - 1)) do one(worker) end
end

return {begin = begin, one = one, newest = newest}
