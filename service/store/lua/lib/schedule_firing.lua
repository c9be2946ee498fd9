-- A batch of submissions can be the jobs of a schedule's fire times. The check that no other process has fired them,
-- the admission and the step to the next time are one script call: each fires once, whatever dies when.
-- Uses: keys, clock, jobs
local P, now = keys.prefix, clock.now
local TOLD = {replayed = true, reused = true, duplicate = true}

-- Whether a run that the schedule started is not over.
local function is_busy(name, key)
  local busy, started = false, redis.call('LRANGE', P .. 'runs:' .. name, 0, -1)
  started[#started + 1] = redis.call('HGET', key, 'last') or nil
  for _, run in ipairs(started) do
    local state = redis.call('HGET', P .. 'job:' .. string.match(run, '%S+$'), 'state')
    busy = busy or (state and not jobs.FINISHED[state])
  end
  return busy
end

-- A row of skipped times is one entry: they must not push out what ran.
local function remember(name, at, outcome, id)
  local list = P .. 'runs:' .. name
  if outcome == 'skipped' and string.find(redis.call('LINDEX', list, 0) or '', ' skipped ', 1, true) then
    redis.call('LPOP', list)
  end
  redis.call('LPUSH', list, at .. ' ' .. now .. ' ' .. outcome .. ' ' .. id)
end

-- The words of `text`: schedule, its version, its fire time, the one after this batch, "skip" or another overlap, the
-- newest one that was missed, then that of each job; "-" = none. No word = the batch fires nothing.
local function of(text)
  local words = {}
  for word in string.gmatch(text, '%S+') do words[#words + 1] = word end
  local name, slot, following, missed = words[1], words[3], words[4], words[6]
  local key = name and P .. 'schedule:' .. name
  local busy = words[5] == 'skip' and is_busy(name, key)
  return {
    stale = function()
      if not name then return false end
      local found = redis.call('HMGET', key, 'version', 'slot')
      return found[1] ~= words[2] or (found[2] or '-') ~= slot
    end,
    overlaps = function(admitted) return words[5] == 'skip' and (busy or admitted > 0) end,
    advance = function(answers)
      if not name then return end
      if missed ~= '-' then remember(name, missed, 'missed', '-') end
      for i, answer in ipairs(answers) do
        if not TOLD[answer[1]] then remember(name, words[6 + i], answer[1], answer[2]) end
        if answer[1] == 'created' or answer[1] == 'replaced' then
          redis.call('HSET', key, 'last', words[6 + i] .. ' ' .. answer[2])
        end
      end
      redis.call('LTRIM', P .. 'runs:' .. name, 0, 49)
      if following == slot then return end
      if following == '-' then
        redis.call('HDEL', key, 'slot')
        redis.call('ZREM', P .. 'slots', name)
      else
        redis.call('HSET', key, 'slot', following)
        redis.call('ZADD', P .. 'slots', following, name)
      end
    end,
  }
end

return {of = of}
