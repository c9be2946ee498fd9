-- Marks in the history: deploys, pauses and resumes, which may explain a change (docs/adr/0042).
-- Uses: keys, clock, batch, event_log
local P, now
local DAY_MS, MARKS_AT_MOST, POOLS_AT_MOST = 86400000, 1000, 200

local function begin() P, now = keys.prefix, clock.now end

local function mark(kind, queue, job_type, version)
  local marks = P .. 'stats_marks'
  redis.call('ZADD', marks, now, table.concat({clock.text, kind, queue, job_type, version}, '|'))
  redis.call('ZREMRANGEBYSCORE', marks, '-inf', now - DAY_MS)
  redis.call('ZREMRANGEBYRANK', marks, 0, -1 - MARKS_AT_MOST)
end

-- A worker has registered. It is a deploy if the last worker of its pool had another version, and in a new pool if no
-- pool has this version.
local function deploy(pool, version)
  local versions = P .. 'stats_versions'
  local before = redis.call('HGET', versions, pool)
  local known = before == version
  for _, other in ipairs(before and {} or redis.call('HVALS', versions)) do known = known or other == version end
  if redis.call('HLEN', versions) >= POOLS_AT_MOST then redis.call('DEL', versions) end
  redis.call('HSET', versions, pool, version)
  if not known then mark('deploy', '', '', version) end
end

-- Paused job types; of the spellings a-b and a_b, only the first.
local function words(text)
  local found = {}
  for word in string.gmatch(text or '', '%S+') do
    if not string.find(word, '_', 1, true) then found[word] = true end
  end
  return found
end

-- The settings of a queue that pause it, or some of its types, were `before` and are `after`: {paused, types}.
local function pauses(queue, before, after)
  if (before[1] == '1') ~= (after[1] == '1') then
    local state = after[1] == '1' and 'paused' or 'resumed'
    mark(after[1] == '1' and 'pause' or 'resume', queue, '', '')
    event_log.note_queue(queue, state)
    batch.note_event('queue:' .. queue, {kind = 'queue', state = state, queue = queue})
  end
  local old, new = words(before[2]), words(after[2])
  for name in pairs(new) do
    if not old[name] then mark('pause', queue, name, '') end
  end
  for name in pairs(old) do
    if not new[name] then mark('resume', queue, name, '') end
  end
end

return {begin = begin, deploy = deploy, pauses = pauses}
