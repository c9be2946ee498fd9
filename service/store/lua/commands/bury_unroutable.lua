#!lua flags=allow-oom
-- Notes the job types with queued jobs that no registered worker knows, and buries queued jobs of types that were noted
-- long enough ago. A worker that registers removes the notes of its types, so a deployment restarts the wait.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] how long a type must have been noted, and a job queued (ms)
-- ARGV[3] notes are void after this long without a check (ms): unknown workers may have come and gone
-- ARGV[4] limit on jobs to bury   ARGV[5] shortest retention of a dead job (ms)
-- Returns how many jobs were buried
-- Uses: keys, clock, lanes, jobs, endings, queue_settings, allowance, consequences
local P, now = keys.prefix, clock.now
-- Per call: types, queues of a type, lanes of a type, and closed limiters to check; queues with such types, and queues
-- and lanes in all; jobs to read. What it costs to note that a job is dead (allowance.lua).
local LOOKED_AT, PLACES, looks, budget, DEATH = 500, 500, 1000, 300, 60
local notes, after, void_after = P .. 'unroutable_types', tonumber(ARGV[2]), tonumber(ARGV[3])
local left, keep_ms, buried = tonumber(ARGV[4]), tonumber(ARGV[5]), 0

-- Job types that some worker knows.
local function read_known()
  local known = {}
  for _, worker in ipairs(redis.call('ZRANGE', P .. 'workers', 0, -1)) do
    local types = redis.call('HGET', P .. 'worker:' .. worker, 'job_types') or ''
    for name in string.gmatch(types, '"([^"]*)"') do known[name] = true end
  end
  return known
end

local known, found, places = read_known(), {}, {}

local function look_at(queue, name)
  if known[name] or #places >= PLACES or looks <= 0 then return end
  looks = looks - 1
  local paused_types = queue_settings.read(queue, 'paused_types')[4]
  -- No worker runs paused jobs, whatever types it knows.
  if queue_settings.is_paused(queue) or queue_settings.names_type(paused_types, name) then return end
  for _, index in ipairs({'types', 'keyed'}) do
    if redis.call('ZSCORE', keys.queue(queue, index), name) then
      found[name] = true
      places[#places + 1] = {queue = queue, name = name, keyed = index == 'keyed'}
    end
  end
end

for _, name in ipairs(redis.call('ZRANGE', P .. 'ready', 0, LOOKED_AT - 1)) do
  local queues = (known[name] or looks <= 0) and {} or redis.call('ZRANGE', P .. 'ready:' .. name, 0, LOOKED_AT - 1)
  for _, queue in ipairs(queues) do look_at(queue, name) end
end
-- Queues that a claim closed are in no line.
for _, limiter in ipairs(redis.call('ZRANGE', P .. 'closed_limiters', 0, LOOKED_AT - 1)) do
  local queue = string.match(limiter, '^queue:(.*)$')
  local names = queue and looks > 0 and redis.call('SRANDMEMBER', keys.queue(queue, 'closed'), LOOKED_AT) or {}
  for _, name in ipairs(names) do look_at(queue, name) end
end

-- Checks above, writes below.

-- Updates the notes; returns since when each type has been noted.
local function renew_notes()
  local since, stale, noted = {}, {}, redis.call('HGETALL', notes)
  local looked = tonumber(redis.call('HGET', notes, '|') or nil)
  local valid = looked and now - looked <= void_after
  for i = 1, #noted, 2 do
    if valid and found[noted[i]] then since[noted[i]] = tonumber(noted[i + 1]) else stale[#stale + 1] = noted[i] end
  end
  for i = 1, #stale, 1000 do redis.call('HDEL', notes, unpack(stale, i, math.min(#stale, i + 999))) end
  redis.call('HSET', notes, '|', now)
  for name in pairs(found) do
    if not since[name] then redis.call('HSET', notes, name, now) end
  end
  return since
end

local function bury(place, lane)
  local key = lanes.key(lanes.of(place.queue, place.name, lane))
  for _, id in ipairs(redis.call('ZRANGE', key, 0, math.min(left, budget) - 1)) do
    if allowance.is_spent() then return end
    budget = budget - 1
    local job = jobs.load(id)
    local queued_at = job and jobs.queued_at(redis.call('HGET', P .. 'job:' .. id, 'queued_at'), job.created_at)
    if job and job.state == 'queued' and queued_at <= now - after then
      allowance.spend_end(job, DEATH)
      endings.finish(id, job, 'bury', 'unroutable', keep_ms)
      left, buried = left - 1, buried + 1
    end
  end
end

local since = renew_notes()
looks = PLACES

-- Whether the call may bury more jobs.
local function may_go_on() return left > 0 and budget > 0 and looks > 0 and not allowance.is_spent() end

for _, place in ipairs(places) do
  if may_go_on() and since[place.name] and since[place.name] <= now - after then
    local list = keys.queue(place.queue, 'lanes:' .. place.name)
    local names = place.keyed and redis.call('ZRANGE', list, 0, looks - 1) or {''}
    for _, lane in ipairs(names) do
      if not may_go_on() then break end
      looks = looks - 1
      bury(place, lane)
    end
  end
end
consequences.flush()
return buried
