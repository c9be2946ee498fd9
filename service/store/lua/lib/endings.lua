-- Everything that finishing a job involves, whatever the reason.
-- Uses: keys, clock, batch, moves, jobs, unique_keys, unsuccessful_ends
local P, now

local function begin() P, now = keys.prefix, clock.now end

-- Finishes a job by the move `name`, and writes `fields` with it. A dead job is kept for at least `floor_ms`.
local function finish(id, job, name, reason, floor_ms, fields, token)
  local _, state = moves.arrow(name)
  local keep, group = tonumber(job.retention_ms), job.group
  if state == 'dead' then keep = math.max(keep, floor_ms) end
  fields = fields or {}
  local count = #fields
  fields[count + 1], fields[count + 2] = 'finished_at', clock.text
  -- A succeeded job has no reason.
  if reason ~= '' then fields[count + 3], fields[count + 4] = 'state_reason', reason end
  jobs.move(id, job, name, now + keep, fields, token)
  job.state_reason = reason
  batch.note_event(id, job)
  batch.first_end = math.min(batch.first_end, now + keep)
  if job.expiry then batch.remove(P .. 'expiry', id) end
  if job.unique then unique_keys.release(id, job) end
  batch.count_rate(job.queue, 'finished')
  if group and state == 'cancelled' and reason == 'requested' then batch.count_member(group, 'requested', 1) end
  if state ~= 'succeeded' then
    if state == 'dead' then
      batch.count_rate(job.queue, 'failed')
      redis.call('HINCRBY', P .. 'dead', reason .. ':' .. job.queue, 1)
    end
    unsuccessful_ends.note(id, job, state, reason)
  end
  local orphans = job.children_token and state ~= 'succeeded'
  if job.linked or orphans or (state == 'dead' and group) then
    local ended = batch.ended
    ended[#ended + 1] = {id = id, state = state, linked = job.linked, group = group, orphans = orphans}
  end
end

return {begin = begin, finish = finish}
