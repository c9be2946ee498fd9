-- The log of changes that event streams of queues and namespaces read, written while a process watches `*`.
-- Uses: keys, clock
local P, log, watched_key
-- An entry has a limited number of changes, so that the number of entries limits the memory.
local ENTRIES_AT_MOST, CHANGES_AT_MOST = 4000, 25

local function begin()
  P = keys.prefix
  log, watched_key = P .. 'events', P .. 'watched'
end

local function append(lines)
  local last = tonumber(redis.call('ZRANGE', log, -1, -1, 'WITHSCORES')[2] or 0)
  -- Ids are times in microseconds, so they increase even after the log was lost.
  local at = math.max(clock.micros, last + 1)
  for first = 1, #lines, CHANGES_AT_MOST do
    local id = string.format('%.0f', at)
    local part = table.concat(lines, '\n', first, math.min(#lines, first + CHANGES_AT_MOST - 1))
    redis.call('ZADD', log, id, id .. '\n' .. part)
    at = at + 1
  end
  redis.call('ZREMRANGEBYRANK', log, 0, -1 - ENTRIES_AT_MOST)
end

-- A line is id, version, state, reason and traits, separated by bars; nil for what is not an event.
local function line_of(id)
  local kind, values = string.match(id, '^%a+'), nil
  if kind == 'job' then
    values = redis.call('HMGET', P .. 'job:' .. id, 'state', 'version', 'state_reason', 'traits')
  elseif kind == 'flow' then
    values = redis.call('HMGET', P .. 'group:' .. id, 'state', 'version', '', 'name')
    values[4] = '|' .. (values[4] or '')
  elseif kind == 'fan' then
    values = redis.call('HMGET', P .. 'group:' .. id, 'state', 'version', '', 'item_traits')
  end
  -- Deleted ones have no state.
  if not values or not values[1] then return nil end
  return table.concat({id, values[2] or '1', values[1], values[3] or '', values[4] or ''}, '|')
end

-- Notes what became of these jobs and groups.
local function note(ids)
  local lines, noted = {}, {}
  for _, id in ipairs(ids) do
    local line = not noted[id] and line_of(id)
    noted[id] = true
    if line then lines[#lines + 1] = line end
  end
  if #lines > 0 then append(lines) end
end

local function note_queue(queue, state)
  if not redis.call('ZSCORE', watched_key, '*') then return end
  append({'queue||' .. state .. '||' .. queue})
  redis.call('PUBLISH', P .. 'changes', '*')
end

-- A process begins to watch `*`. If none did before, the log has a gap.
local function begin_watch(seconds)
  if not redis.call('ZSCORE', watched_key, '*') then append({'gap'}) end
  redis.call('EXPIRE', log, seconds)
end

return {begin = begin, note = note, note_queue = note_queue, begin_watch = begin_watch}
