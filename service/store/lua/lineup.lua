-- Prelude of claim.lua: which queues may give this worker something; `plain` and `keyed` hold the first score of each
-- of their job types, without a limit key and with one.
-- Asks for `types`, `free`, `listed` and `everything_else`.

local function served_names()
  local names, seen = {}, {}
  for _, set in ipairs({'ready', 'ready_keyed'}) do
    for _, name in ipairs(redis.call('SMEMBERS', P .. set)) do
      local queue = seen[name] or listed[name] or (everything_else and {name = name, weight = everything_else, credit = 0})
      if queue then
        if not seen[name] then names[#names + 1] = queue; seen[name] = queue; queue.plain, queue.keyed, queue.lanes = {}, {}, {} end
        queue[set] = true
      end
    end
  end
  return names
end

local function look_up(queue, index, paused)
  local found = {}
  for i, score in ipairs(redis.call('ZMSCORE', queue_key(queue.name, index), unpack(types))) do
    if score and free[types[i]] ~= 0 and not (paused and string.find(paused, ' ' .. types[i] .. ' ', 1, true)) then found[types[i]] = tonumber(score) end
  end
  return found
end

local function line_up()
  local queues = {}
  for _, queue in ipairs(#types > 0 and served_names() or {}) do
    if setting(queue.name, 'paused') ~= '1' then
      local paused
      if setting(queue.name, 'limited') then
        queue.limits = queue_limits(queue.name)
        paused = queue.limits.paused_types
        if queue.limits.concurrency or queue.limits.rate then queue.room = room_of('queue:' .. queue.name, queue.limits) end
      end
      if queue.ready then queue.plain = look_up(queue, 'types', paused) end
      if queue.ready_keyed then
        queue.keyed = look_up(queue, 'keyed', paused)
        if next(queue.keyed) and next(queue.plain) then queue.last_start = tonumber(redis.call('HGET', queue_key(queue.name, 'served'), '') or nil) end
      end
      if next(queue.plain) or next(queue.keyed) then queues[#queues + 1] = queue end
    end
  end
  return queues
end

local function lowest(scores)
  local best
  for name, score in pairs(scores) do
    if not best or score < scores[best] or (score == scores[best] and name < best) then best = name end
  end
  return best
end
