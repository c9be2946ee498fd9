-- Prelude of submit.lua: a batch can be the jobs of a schedule's slots. The check that nobody has fired these slots,
-- the admission and the step to the next slot are one script call: each slot fires once, whoever dies when.
-- The words of the text: schedule, its version, its slot, the slot after this batch, "skip" or another overlap,
-- the newest slot that was missed, then the slot of each job; "-" = none
local TOLD = {replayed = true, reused = true, duplicate = true}

local function firing(text)
  local words = {}
  for word in string.gmatch(text, '%S+') do words[#words + 1] = word end
  local name, slot, following, missed = words[1], words[3], words[4], words[6]
  local key = name and P .. 'schedule:' .. name
  local busy = false
  if words[5] == 'skip' then
    local started = redis.call('LRANGE', P .. 'runs:' .. name, 0, -1)
    started[#started + 1] = redis.call('HGET', key, 'last') or nil
    for _, run in ipairs(started) do
      local state = redis.call('HGET', P .. 'job:' .. string.match(run, '%S+$'), 'state')
      busy = busy or (state and not FINISHED[state])
    end
  end
  -- A row of skipped slots is one entry: they must not push out what ran.
  local function remember(at, outcome, id)
    local list = P .. 'runs:' .. name
    if outcome == 'skipped' and string.find(redis.call('LINDEX', list, 0) or '', ' skipped ', 1, true) then redis.call('LPOP', list) end
    redis.call('LPUSH', list, at .. ' ' .. now .. ' ' .. outcome .. ' ' .. id)
  end
  return {
    stale = function()
      if not name then return false end
      local found = redis.call('HMGET', key, 'version', 'slot')
      return found[1] ~= words[2] or (found[2] or '-') ~= slot
    end,
    overlaps = function(admitted) return words[5] == 'skip' and (busy or admitted > 0) end,
    advance = function(answers)
      if not name then return end
      if missed ~= '-' then remember(missed, 'missed', '-') end
      for i, answer in ipairs(answers) do
        if not TOLD[answer[1]] then remember(words[6 + i], answer[1], answer[2]) end
        if answer[1] == 'created' or answer[1] == 'replaced' then redis.call('HSET', key, 'last', words[6 + i] .. ' ' .. answer[2]) end
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
