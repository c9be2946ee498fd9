-- What the history needs of a queue: its depths now, and how many jobs finished in a minute.
-- Uses: keys
local STATES = {'queued', 'scheduled', 'retrying', 'running', 'dead'}

-- Returns the number of jobs that are queued, scheduled or retrying, running and dead, and how many finished.
local function read(queue, minute)
  local sizes, finished = {}, 0
  for n, state in ipairs(STATES) do sizes[n] = redis.call('ZCARD', keys.queue(queue, state)) end
  for interval = minute * 6, minute * 6 + 5 do
    local rates = keys.queue(queue, 'rates:' .. string.format('%.0f', interval))
    finished = finished + (redis.call('HGET', rates, 'finished') or 0)
  end
  return {sizes[1], sizes[2] + sizes[3], sizes[4], sizes[5], finished}
end

return {read = read}
