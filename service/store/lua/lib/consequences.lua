-- What the moves of a call mean to others: groups count their members, jobs that waited are told.
-- Uses: keys, clock, batch, writer, tasks, dependents, groups, wake_workers
local P, now = keys.prefix, clock.now

-- Who prunes sleeps for a minute at most. A retention that ends before, and before all others, is told at once; not
-- again within 400 ms unless it is an earlier one, because a pruner looks once more half a second after it pruned.
local function wake_pruners()
  local at = batch.first_end
  batch.first_end = math.huge
  if at > now + 60000 or tonumber(({keys.head(P .. 'retention')})[2] or math.huge) < at then return end
  local told = tonumber(redis.call('GET', P .. 'pruners_told') or nil)
  if told and told <= at then return end
  redis.call('SET', P .. 'pruners_told', at, 'PX', 400)
  wake_workers.newest(5)
end

local function count_members(members)
  for id, deltas in pairs(members) do
    -- A dead job may outlive its group and run again: then there is nothing to count.
    if groups.exists(id) then
      for state, by in pairs(deltas) do
        if by ~= 0 then redis.call('HINCRBY', P .. 'group:' .. id, state, by) end
      end
      groups.note_change(id)
      groups.review(id)
    end
  end
end

local function tell(ended)
  -- Nothing will read what its children do.
  if ended.orphans then tasks.add('cancel_children ' .. ended.id) end
  if ended.linked and dependents.notify(ended.id, ended.state, 0) then tasks.add('tell ' .. ended.id) end
  local group = ended.state == 'dead' and ended.group
  if group and redis.call('HGET', P .. 'group:' .. group, 'on_failure') == 'fail' then
    tasks.add('fail ' .. group .. ' ' .. ended.id)
  end
end

-- Writes the batch. What ended may move others, which may end: round after round until nothing is noted any more.
local function flush()
  writer.write()
  wake_pruners()
  while next(batch.members) or #batch.ended > 0 do
    local members, ended = batch.members, batch.ended
    batch.members, batch.ended = {}, {}
    count_members(members)
    for _, one in ipairs(ended) do tell(one) end
    writer.write()
    wake_pruners()
  end
end

return {flush = flush}
