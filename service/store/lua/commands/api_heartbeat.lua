#!lua flags=allow-oom
-- From a process that holds no leases, the API: say that Redis can be reached, and wake the pools that can run what is
-- queued. A wake-up goes to one idle worker; if that one was frozen or killed right then, no other has heard of the
-- job.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] lease (ms)   ARGV[3] ms for which the caller had not reached Redis
-- Returns 1
-- Uses: keys, outage_guard
local P = keys.prefix
outage_guard.pulse(tonumber(ARGV[2]), tonumber(ARGV[3]))

local function split(text)
  local words = {}
  for word in string.gmatch(text, '[^,]+') do words[#words + 1] = word end
  return words
end

-- Whether one of these queues, "*" being any, stands in the line of a job type.
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
  if serves(string.match(pools[i + 1], '^(.*)|(.*)$')) then redis.call('ZADD', P .. 'wake:' .. pools[i], 0, '1') end
end
return 1
