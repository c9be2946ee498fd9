-- What follows from the moves of a call: groups count their members, and dependents are notified.
-- Uses: keys, clock, batch, writer, tasks, dependents, groups, wake_workers, allowance
local P, now

local function begin() P, now = keys.prefix, clock.now end

-- Pruners sleep for up to a minute, so a retention that ends sooner, and before all others, is announced at once. It is
-- announced again within 400 ms only if it is earlier, because a pruner checks again half a second after it pruned.
local function wake_pruners()
  local at = batch.first_end
  batch.first_end = math.huge
  if at > now + 60000 or tonumber(({keys.head(P .. 'retention')})[2] or math.huge) < at then return end
  local announced = tonumber(redis.call('GET', P .. 'announced_retention') or nil)
  if announced and announced <= at then return end
  redis.call('SET', P .. 'announced_retention', at, 'PX', 400)
  wake_workers.newest(5)
end

local function count_members(members)
  for id, deltas in pairs(members) do
    -- A dead job may outlive its group and run again; then there is no group to update.
    if groups.exists(id) then
      for state, by in pairs(deltas) do
        if by ~= 0 then redis.call('HINCRBY', P .. 'group:' .. id, state, by) end
      end
      groups.note_change(id)
      groups.review(id)
    end
  end
end

local function notify(ended)
  -- No job will read the results of its children.
  if ended.orphans then tasks.add('cancel_children ' .. ended.id) end
  if ended.linked and dependents.notify(ended.id, ended.state, 0) then tasks.add('notify ' .. ended.id) end
  local group = ended.state == 'dead' and ended.group
  if group and redis.call('HGET', P .. 'group:' .. group, 'on_failure') == 'fail' then
    tasks.add('fail ' .. group .. ' ' .. ended.id)
  end
end

-- Writes the batch. A finished job may move others, which may finish as well, so this repeats until no changes are
-- left.
local function flush()
  writer.write()
  wake_pruners()
  if #batch.ended > 0 then allowance.begin_dependents() end
  while next(batch.members) or #batch.ended > 0 do
    local members, ended = batch.members, batch.ended
    batch.members, batch.ended = {}, {}
    count_members(members)
    for _, one in ipairs(ended) do notify(one) end
    writer.write()
    wake_pruners()
  end
end

return {begin = begin, flush = flush}
