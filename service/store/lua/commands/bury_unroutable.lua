#!lua flags=allow-oom
-- Note the job types with queued jobs that no worker of the registry knows, and bury the queued jobs of those that have been noted
-- for long enough. A worker that registers takes its types out of the notes, so that a deploy starts the time anew.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] ms that a type must have been noted, and a job have been queued   ARGV[3] ms without a look after which the
--   notes are void: nobody knows who was there meanwhile   ARGV[4] jobs buried at most   ARGV[5] retention of a dead job at least (ms)
-- Returns how many were buried
-- Uses: job_indexes
-- Uses: groups
-- Types, queues of a type, lanes of a type, and closed limiters that one call looks at; places, and jobs that it reads.
local LOOKED_AT, PLACES, budget = 500, 1000, 1000
local notes, after, left = P .. 'stranded', tonumber(ARGV[2]), tonumber(ARGV[4])
local looked = tonumber(redis.call('HGET', notes, '|') or nil)
local known, found, places, stale, buried = {}, {}, {}, {}, 0

for _, worker in ipairs(redis.call('ZRANGE', P .. 'workers', 0, -1)) do
  for name in string.gmatch(redis.call('HGET', P .. 'worker:' .. worker, 'job_types') or '', '"([^"]*)"') do known[name] = true end
end

local function look_at(queue, name)
  if known[name] or #places >= PLACES then return end
  local paused_types = read_settings(queue, 'paused_types')[4]
  -- Nobody runs what is paused, whoever knows it.
  if setting(queue, 'paused') == '1' or (paused_types and string.find(paused_types, ' ' .. name .. ' ', 1, true)) then return end
  for _, index in ipairs({'types', 'keyed'}) do
    if redis.call('ZSCORE', queue_key(queue, index), name) then
      found[name] = true
      places[#places + 1] = {queue = queue, name = name, keyed = index == 'keyed'}
    end
  end
end

for _, name in ipairs(redis.call('ZRANGE', P .. 'ready', 0, LOOKED_AT - 1)) do
  for _, queue in ipairs(known[name] and {} or redis.call('ZRANGE', P .. 'ready:' .. name, 0, LOOKED_AT - 1)) do look_at(queue, name) end
end
-- A queue that a claim has found closed stands in no line.
for _, limiter in ipairs(redis.call('ZRANGE', P .. 'parked', 0, LOOKED_AT - 1)) do
  local queue = string.match(limiter, '^queue:(.*)$')
  for _, name in ipairs(queue and redis.call('SRANDMEMBER', queue_key(queue, 'closed'), LOOKED_AT) or {}) do look_at(queue, name) end
end

-- Checks above, writes below.
local since, noted = {}, redis.call('HGETALL', notes)
local valid = looked and now - looked <= tonumber(ARGV[3])
for i = 1, #noted, 2 do
  if valid and found[noted[i]] then since[noted[i]] = tonumber(noted[i + 1]) else stale[#stale + 1] = noted[i] end
end
for i = 1, #stale, 1000 do redis.call('HDEL', notes, unpack(stale, i, math.min(#stale, i + 999))) end
redis.call('HSET', notes, '|', now)
for name in pairs(found) do
  if not since[name] then redis.call('HSET', notes, name, now) end
end

local function bury(place, lane)
  local key = lane_key(lane_of(place.queue, place.name, lane))
  local most = math.min(left, budget)
  for _, id in ipairs(most > 0 and redis.call('ZRANGE', key, 0, most - 1) or {}) do
    budget = budget - 1
    local job, queued_at = load(id), tonumber(redis.call('HGET', P .. 'job:' .. id, 'queued_at') or nil)
    if job and job.state == 'queued' and queued_at and queued_at <= now - after then
      finish(id, job, 'dead', 'unroutable', tonumber(ARGV[5]))
      left, buried = left - 1, buried + 1
    end
  end
end
for _, place in ipairs(places) do
  if since[place.name] and since[place.name] <= now - after then
    local all = place.keyed and redis.call('ZRANGE', queue_key(place.queue, 'lanes:' .. place.name), 0, LOOKED_AT - 1) or {''}
    for _, lane in ipairs(all) do bury(place, lane) end
  end
end
flush()
return buried
