-- Writes the pending changes of the batch.
-- Uses: keys, clock, batch, limiter_slots, closed_limiters, lane_orders, notifications, outbox
-- Uses: quota_usage
local P, now, QUOTAS
local NONE = {}

local function begin() P, now, QUOTAS = keys.prefix, clock.now, keys.prefix .. 'quotas' end

local function write_rates()
  for queue, counts in pairs(batch.rates) do
    local key = keys.queue(queue, 'rates:' .. math.floor(now / 10000))
    for field, count in pairs(counts) do
      if redis.call('HINCRBY', key, field, count) == count then redis.call('PEXPIRE', key, 120000) end
    end
  end
end

local function write()
  for key, members in pairs(batch.removed) do redis.call('ZREM', key, unpack(members)) end
  for key, members in pairs(batch.added) do redis.call('ZADD', key, unpack(members)) end
  if next(batch.busy) then limiter_slots.write() end
  -- One check for all: usually no process watches, no limiter is closed, no endpoint wants events, the namespace has
  -- no quotas. A key that is named four times counts as four.
  local found = redis.call('EXISTS', P .. 'watched', P .. 'closed_limiters', P .. 'subscriptions',
    QUOTAS, QUOTAS, QUOTAS, QUOTAS)
  local attention = found % 4 > 0
  if found > 3 then quota_usage.write() end
  local closed = (attention or next(batch.closing)) and closed_limiters.write() or NONE
  if next(batch.lanes) then lane_orders.write(closed) end
  write_rates()
  if next(batch.woken) or batch.earliest_due then notifications.wake_pools() end
  if attention and #batch.changed > 0 then notifications.announce() end
  if #batch.events > 0 and (attention or batch.calls_back) then outbox.write() end
  batch.clear()
end

return {begin = begin, write = write}
