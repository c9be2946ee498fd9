#!lua flags=allow-oom
-- Called by API processes, which hold no leases: records that Redis is reachable, and wakes the pools that can run
-- queued jobs. A wake-up goes to a single idle worker: if that one is frozen or killed at that moment, no other worker
-- knows of the job.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] lease (ms)   ARGV[3] how long the caller could not reach Redis (ms)
-- Returns {ms until something may happen without a new request, 0 = something happens now, -1 = nothing is planned;
--   number of unfinished tasks; 1 if a bulk action or its record is due; 1 if the retention of a group or the time of
--   an open fan-out has ended; age of the oldest flow that is not committed (ms) or -1}
-- Uses: keys, clock, outage_guard, wake_workers
local P, now = keys.prefix, clock.now
outage_guard.note_reachable(tonumber(ARGV[2]), tonumber(ARGV[3]))

local function split(text)
  local words = {}
  for word in string.gmatch(text, '[^,]+') do words[#words + 1] = word end
  return words
end

-- Whether one of these queues ("*" = any) is in the line of a job type.
local function stands_in_line(queues, names, job_type)
  if string.find(queues, ',*,', 1, true) then return true end
  for _, place in ipairs(redis.call('ZMSCORE', P .. 'ready:' .. job_type, unpack(names))) do
    if place then return true end
  end
  return false
end

local function serves(queues, types)
  local names, wanted = split(queues), split(types)
  for i, count in ipairs(#wanted > 0 and redis.call('ZMSCORE', P .. 'ready', unpack(wanted)) or {}) do
    if count and stands_in_line(queues, names, wanted[i]) then return true end
  end
  return false
end

local pools = redis.call('HGETALL', P .. 'pools')
for i = 1, #pools, 2 do
  if serves(string.match(pools[i + 1], '^(.*)|(.*)$')) then wake_workers.pool(pools[i]) end
end

local function first(set)
  local _, at = keys.head(P .. set)
  return tonumber(at) or math.huge
end

local function is_due(...)
  for _, set in ipairs({...}) do
    if first(set) <= now then return 1 end
  end
  return 0
end

local function rest()
  if redis.call('EXISTS', P .. 'leases', P .. 'ready', P .. 'tasks', P .. 'running_actions') > 0 then return 0 end
  local at = math.min(first('due'), first('fire_times'))
  return at < math.huge and math.max(0, at - now) or -1
end

local staged = first('staged')
return {
  rest(), redis.call('ZCARD', P .. 'tasks'), is_due('running_actions', 'action_retention'),
  is_due('group_retention', 'open_fan_outs'), staged < math.huge and math.max(0, now - staged) or -1,
}
