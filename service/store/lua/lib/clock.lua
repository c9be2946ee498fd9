-- The time of this call in Unix milliseconds and microseconds, read once: the server's clock, or ARGV[1] in tests.
local now = tonumber(ARGV[1])
local micros = now and now * 1000
if not now then
  local time = redis.call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end

return {now = now, micros = micros, text = string.format('%.0f', now)}
