-- A batch of submissions can be the jobs of a schedule's fire times. One script call checks that no other process has
-- fired them, admits the jobs and advances the schedule: each time fires once, whichever process dies at whatever
-- point.
-- Uses: keys, clock, jobs
local P, now
local NOT_A_RUN = {replayed = true, reused = true, duplicate = true}

local function begin() P, now = keys.prefix, clock.now end

-- Whether a job of the schedule is unfinished.
local function is_busy(name, key)
  local busy, started = false, redis.call('LRANGE', P .. 'runs:' .. name, 0, -1)
  started[#started + 1] = redis.call('HGET', key, 'last') or nil
  for _, run in ipairs(started) do
    local state = redis.call('HGET', P .. 'job:' .. string.match(run, '%S+$'), 'state')
    busy = busy or (state and not jobs.FINISHED[state])
  end
  return busy
end

-- Consecutive skipped times share one entry, so that they do not push out real runs.
local function remember(name, at, outcome, id)
  local list = P .. 'runs:' .. name
  if outcome == 'skipped' and string.find(redis.call('LINDEX', list, 0) or '', ' skipped ', 1, true) then
    redis.call('LPOP', list)
  end
  redis.call('LPUSH', list, at .. ' ' .. now .. ' ' .. outcome .. ' ' .. id)
end

-- The words of `text`: schedule, its version, its fire time, the one after this batch, "skip" or another overlap, the
-- newest missed time, then the time of each job; "-" = none. No words = the batch fires nothing.
local function of(text)
  local words = {}
  for word in string.gmatch(text, '%S+') do words[#words + 1] = word end
  local name, fire_at, following, missed = words[1], words[3], words[4], words[6]
  local key = name and P .. 'schedule:' .. name
  local busy = words[5] == 'skip' and is_busy(name, key)
  return {
    stale = function()
      if not name then return false end
      local found = redis.call('HMGET', key, 'version', 'fire_at')
      return found[1] ~= words[2] or (found[2] or '-') ~= fire_at
    end,
    overlaps = function(admitted) return words[5] == 'skip' and (busy or admitted > 0) end,
    advance = function(results)
      if not name then return end
      if missed ~= '-' then remember(name, missed, 'missed', '-') end
      for i, result in ipairs(results) do
        if not NOT_A_RUN[result[1]] then remember(name, words[6 + i], result[1], result[2]) end
        if result[1] == 'created' or result[1] == 'replaced' then
          redis.call('HSET', key, 'last', words[6 + i] .. ' ' .. result[2])
        end
      end
      redis.call('LTRIM', P .. 'runs:' .. name, 0, 49)
      if following == fire_at then return end
      if following == '-' then
        redis.call('HDEL', key, 'fire_at')
        redis.call('ZREM', P .. 'fire_times', name)
      else
        redis.call('HSET', key, 'fire_at', following)
        redis.call('ZADD', P .. 'fire_times', following, name)
      end
    end,
  }
end

return {begin = begin, of = of}
