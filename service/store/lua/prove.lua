#!lua flags=allow-oom
-- From a process that holds no leases, the API: set the pulse, and wake the pools that can run what is queued.
-- A wake-up goes to one idle worker; if that one was frozen or killed right then, nobody else has heard of the job.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] lease (ms)
-- Returns 1
-- Uses: index
-- Uses: pulse
pulse(tonumber(ARGV[2]))
for _, queue in ipairs(redis.call('SMEMBERS', P .. 'ready')) do
  if setting(queue, 'paused') ~= '1' then
    for _, name in ipairs(redis.call('ZRANGE', queue_key(queue, 'types'), 0, -1)) do
      woken[queue .. ',' .. name] = {queue = queue, name = name}
    end
  end
end
flush()
return 1
