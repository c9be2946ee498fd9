-- Prelude: makes the heartbeats of so many workers, the newest first, look at once for what there is to do.
local function summon(workers)
  for _, worker in ipairs(redis.call('ZREVRANGE', P .. 'workers', 0, workers - 1)) do
    redis.call('ZADD', P .. 'worker:' .. worker .. ':inbox', 0, '1')
    redis.call('PEXPIRE', P .. 'worker:' .. worker .. ':inbox', 60000)
  end
end
