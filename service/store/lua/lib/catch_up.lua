-- What a claim does before it looks for jobs: it promotes due jobs, and opens limiters whose time has come.
-- Uses: keys, clock, batch, jobs, queue_settings, closed_limiters, allowance, consequences
local P, now, micros
-- The share of a call that promoting may use, so that each claim also starts jobs; and what promoting a job costs
-- (allowance.lua).
local SHARE, PROMOTED = 0.4, 20

local function begin() P, now, micros = keys.prefix, clock.now, clock.micros end

local function promote(id)
  local job = jobs.load(id)
  if not job or not jobs.permits(job, 'promote') then return batch.remove(P .. 'due', id) end
  allowance.spend(job, PROMOTED)
  local due = tonumber(redis.call('ZSCORE', P .. 'due', id))
  local score = queue_settings.running_order(job.queue, job.priority, due)
  jobs.move(id, job, 'promote', score, {'queued_at', due})
end

-- Returns when the first limiter opens, or nil if none is closed.
local function run(due_at_most)
  local _, first_closed = keys.head(P .. 'closed_limiters')
  local due_ids = redis.call('ZRANGEBYSCORE', P .. 'due', '-inf', now, 'LIMIT', 0, due_at_most)
  for _, id in ipairs(due_ids) do
    if allowance.is_spent_to(SHARE) then break end
    promote(id)
  end
  local opened, again = micros / 1000, {}
  if first_closed and tonumber(first_closed) <= opened then
    again = redis.call('ZRANGEBYSCORE', P .. 'closed_limiters', '-inf', opened, 'LIMIT', 0, 100)
  end
  for _, limiter in ipairs(again) do
    if closed_limiters.has_opened_enough() then break end
    closed_limiters.reopen(limiter)
  end
  if #due_ids + #again > 0 then consequences.flush() end
  return first_closed
end

return {begin = begin, run = run}
