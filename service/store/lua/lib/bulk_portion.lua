-- The jobs of cancel, requeue and prune can be a portion of a bulk action. One script call checks that no other process
-- has done the portion, moves the jobs, counts them and advances the action. So no job is changed twice, whichever
-- process dies at whatever point.
-- Uses: keys, clock, batch, bulk_actions
local P, now

local function begin() P, now = keys.prefix, clock.now end

-- The words of `text`: action, start and end of the portion, "last" or "more"; no words = no bulk action.
local function of(text)
  local words, done, skipped = {}, 0, 0
  for word in string.gmatch(text, '%S+') do words[#words + 1] = word end
  local id = words[1]
  local key = id and P .. 'action:' .. id
  local v = id and redis.call('HMGET', key, 'state', 'position', 'only', 'ended_by', 'interval_ms', 'max')
  return {
    given = id ~= nil,
    -- Another process has done the portion, or the action was paused or cancelled. No need to check the time:
    -- claim_bulk_action.lua hands out a portion only when it is due.
    stale = function() return id and (v[1] ~= 'running' or v[2] ~= words[2]) end,
    -- The job has changed since it was selected, so that it no longer matches.
    spares = function(job_id, job)
      if not id then return false end
      local ended_at = v[4] ~= '' and redis.call('HGET', P .. 'job:' .. job_id, 'finished_at')
      return (v[3] ~= '' and job.state ~= v[3]) or (ended_at and tonumber(ended_at) > tonumber(v[4]))
    end,
    note = function(word)
      if word == 'moved' or word == 'requested' then done = done + 1 else skipped = skipped + 1 end
    end,
    -- `last_id` and `last` are the last job of a portion that was cut (allowance.lua), nil = it is complete.
    advance = function(last_id, last)
      if not id then return end
      local succeeded = redis.call('HINCRBY', key, 'succeeded', done)
      redis.call('HINCRBY', key, 'skipped', skipped)
      redis.call('HINCRBY', key, 'version', 1)
      -- If no job was processed, the rate limit does not apply.
      local ready_at = done + skipped > 0 and now + v[5] or now
      local position, is_last = words[3], words[4] == 'last'
      if last_id then
        -- As in job_selection.py: an id, behind the time of creation unless the jobs are of one group.
        position = string.find(position, '|', 1, true) and last.created_at .. '|' .. last_id or last_id
        is_last = false
      end
      redis.call('HSET', key, 'position', position, 'ready_at', ready_at)
      if is_last or (v[6] ~= '' and succeeded >= tonumber(v[6])) then
        bulk_actions.put_state(id, 'succeeded')
      else
        redis.call('ZADD', P .. 'running_actions', ready_at, id)
      end
      batch.note_change(id)
    end,
  }
end

return {begin = begin, of = of}
