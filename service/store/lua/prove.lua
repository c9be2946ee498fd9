#!lua flags=allow-oom
-- Set the pulse from a process that holds no leases: the API.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] lease (ms)
-- Returns 1
local P = KEYS[1]
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
-- Uses: pulse
pulse(tonumber(ARGV[2]))
return 1
