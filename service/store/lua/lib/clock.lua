-- The time of this call in Unix milliseconds and microseconds, read once: the server's clock, or ARGV[1] in tests.
local clock = {now = 0, micros = 0, text = ''}

function clock.begin(_, ARGV)
  local now = tonumber(ARGV[1])
  local micros = now and now * 1000
  if not now then
    local time = redis.call('TIME')
    micros = time[1] * 1000000 + time[2]
    now = math.floor(micros / 1000)
  end
  clock.now, clock.micros, clock.text = now, micros, string.format('%.0f', now)
end

return clock
