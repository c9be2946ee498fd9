#!lua flags=allow-oom
-- From a process that holds no leases, the API: set the pulse, and wake the pools that can run what is queued.
-- A wake-up goes to one idle worker; if that one was frozen or killed right then, nobody else has heard of the job.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] lease (ms)
-- Returns 1
-- Uses: index
-- Uses: pulse
pulse(tonumber(ARGV[2]))
for set, index in pairs({ready = 'types', ready_keyed = 'keyed'}) do
  for _, queue in ipairs(redis.call('SMEMBERS', P .. set)) do
    if setting(queue, 'paused') ~= '1' then
      for _, name in ipairs(redis.call('ZRANGE', queue_key(queue, index), 0, -1)) do wake_for(queue, name) end
    end
  end
end
flush()
return 1
