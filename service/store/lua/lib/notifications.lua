-- Announces what a call has changed: to workers that can run new jobs, and to processes that watch a job or group.
-- Uses: keys, batch, event_log, changed_records, wake_workers
local P

local function begin() P = keys.prefix end

local function knows_one(types, names)
  for name in pairs(names) do
    if string.find(types, ',' .. name .. ',', 1, true) then return true end
  end
end

-- Wakes one idle worker of each pool that can run a new job.
local function wake_pools()
  local pools, earliest = redis.call('HGETALL', P .. 'pools'), batch.earliest_due
  local due = earliest and tonumber(({keys.head(P .. 'due')})[2])
  for i = 1, #pools, 2 do
    local queues, types = string.match(pools[i + 1], '^(.*)|(.*)$')
    local serves = due and due >= earliest
    for queue, names in pairs(batch.woken) do
      serves = serves or (knows_one(types, names)
        and (string.find(queues, ',' .. queue .. ',', 1, true) or string.find(queues, ',*,', 1, true)))
    end
    if serves then wake_workers.pool(pools[i]) end
  end
end

local function announce()
  local watched, changed = {}, batch.changed
  -- Some process watches every change if `*` is watched.
  local scores = redis.call('ZMSCORE', P .. 'watched', '*', changed_records.AUDIT, unpack(changed))
  for i, id in ipairs(changed) do
    if scores[i + 2] then watched[#watched + 1] = id end
  end
  if scores[2] then changed_records.note(changed) end
  if scores[1] then
    watched[#watched + 1] = '*'
    event_log.note(changed)
  end
  if #watched > 0 then redis.call('PUBLISH', P .. 'changes', table.concat(watched, ' ')) end
end

return {begin = begin, wake_pools = wake_pools, announce = announce}
