-- The jobs of cancel, requeue and prune can be a portion of a bulk action. The check that no other process has done
-- it, the moves, the counts and the step behind it are one script call: no job is acted upon twice, whatever dies
-- when.
-- Uses: keys, clock, batch, bulk_actions
local P, now = keys.prefix, clock.now

-- The words of `text`: action, where the portion begins, where it ends, "last" or "more"; no word = no bulk action.
local function of(text)
  local words, done, skipped = {}, 0, 0
  for word in string.gmatch(text, '%S+') do words[#words + 1] = word end
  local id = words[1]
  local key = id and P .. 'action:' .. id
  local v = id and redis.call('HMGET', key, 'state', 'position', 'only', 'ended_by', 'interval_ms', 'max')
  return {
    given = id ~= nil,
    -- Another process was here, or the action was paused or cancelled. Before a portion is due, claim_bulk_action.lua
    -- gives it to nobody.
    stale = function() return id and (v[1] ~= 'running' or v[2] ~= words[2]) end,
    -- Since it was chosen the job has changed, so that it would not be chosen now.
    spares = function(job_id, job)
      if not id then return false end
      local ended_at = v[4] ~= '' and redis.call('HGET', P .. 'job:' .. job_id, 'finished_at')
      return (v[3] ~= '' and job.state ~= v[3]) or (ended_at and tonumber(ended_at) > tonumber(v[4]))
    end,
    note = function(word)
      if word == 'moved' or word == 'requested' then done = done + 1 else skipped = skipped + 1 end
    end,
    advance = function()
      if not id then return end
      local succeeded = redis.call('HINCRBY', key, 'succeeded', done)
      redis.call('HINCRBY', key, 'skipped', skipped)
      redis.call('HINCRBY', key, 'version', 1)
      -- Where nothing was done the rate has nothing to count.
      local ready_at = done + skipped > 0 and now + v[5] or now
      redis.call('HSET', key, 'position', words[3], 'ready_at', ready_at)
      if words[4] == 'last' or (v[6] ~= '' and succeeded >= tonumber(v[6])) then
        bulk_actions.put_state(id, 'succeeded')
      else
        redis.call('ZADD', P .. 'acting', ready_at, id)
      end
      batch.note_change(id)
    end,
  }
end

return {of = of}
