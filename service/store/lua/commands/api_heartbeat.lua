#!lua flags=allow-oom
-- From a process that holds no leases, the API: set the pulse, and wake the pools that can run what is queued.
-- A wake-up goes to one idle worker; if that one was frozen or killed right then, nobody else has heard of the job.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] lease (ms)   ARGV[3] ms for which the caller had not reached Redis
-- Returns 1
-- Uses: job_indexes
-- Uses: outage_guard
pulse(tonumber(ARGV[2]), tonumber(ARGV[3]))
local pools = redis.call('HGETALL', P .. 'pools')
for i = 1, #pools, 2 do
  local queues, types = string.match(pools[i + 1], '^(.*)|(.*)$')
  local names, wanted, serves = {}, {}, false
  for name in string.gmatch(queues, '[^,]+') do names[#names + 1] = name end
  for name in string.gmatch(types, '[^,]+') do wanted[#wanted + 1] = name end
  for j, count in ipairs(#wanted > 0 and redis.call('ZMSCORE', P .. 'ready', unpack(wanted)) or {}) do
    if count and not serves then
      serves = string.find(queues, ',*,', 1, true)
      for _, place in ipairs(not serves and redis.call('ZMSCORE', P .. 'ready:' .. wanted[j], unpack(names)) or {}) do serves = serves or place end
    end
  end
  if serves then redis.call('ZADD', P .. 'wake:' .. pools[i], 0, '1') end
end
return 1
