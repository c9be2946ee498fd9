-- Prelude of job_indexes.lua: who is told of what a call has changed, workers that can run what came and whoever waits for a job.
local function wake()
  local pools = redis.call('HGETALL', P .. 'pools')
  local due = earliest_due and tonumber(({head(P .. 'due')})[2])
  for i = 1, #pools, 2 do
    local queues, types = string.match(pools[i + 1], '^(.*)|(.*)$')
    local serves = due and due >= earliest_due
    for _, job in pairs(woken) do
      serves = serves or ((string.find(queues, ',' .. job.queue .. ',', 1, true) or string.find(queues, ',*,', 1, true))
        and string.find(types, ',' .. job.name .. ',', 1, true))
    end
    if serves then redis.call('ZADD', P .. 'wake:' .. pools[i], 0, '1') end
  end
end

local function announce()
  local watched = {}
  for i, score in ipairs(redis.call('ZMSCORE', P .. 'watched', unpack(changed))) do
    if score then watched[#watched + 1] = changed[i] end
  end
  if #watched > 0 then redis.call('PUBLISH', P .. 'changes', table.concat(watched, ' ')) end
end
