-- A running job holds a slot of each of its limiters: `busy` counts them for keys and fan-outs. For queues, the set
-- queue:<queue>|running is the count.
-- Uses: keys, batch, lanes
local P

local function begin() P = keys.prefix end

-- Adds a slot that a job with a limit key or group takes (1) or frees (-1).
local function hold(job, count)
  for _, id in ipairs(lanes.limiters(job)) do
    if string.sub(id, 1, 5) ~= 'type:' then
      batch.busy[id] = (batch.busy[id] or 0) + count
      if count < 0 then batch.freed[id] = true end
    end
  end
end

local function write()
  local busy = batch.busy
  local ids, counts, none = {}, {}, {}
  for id in pairs(busy) do ids[#ids + 1] = id end
  for i, value in ipairs(redis.call('HMGET', P .. 'busy', unpack(ids))) do
    local count = (tonumber(value or nil) or 0) + busy[ids[i]]
    if count > 0 then
      counts[#counts + 1] = ids[i]
      counts[#counts + 1] = count
    else
      none[#none + 1] = ids[i]
    end
  end
  if #counts > 0 then redis.call('HSET', P .. 'busy', unpack(counts)) end
  if #none > 0 then redis.call('HDEL', P .. 'busy', unpack(none)) end
end

return {begin = begin, hold = hold, write = write}
