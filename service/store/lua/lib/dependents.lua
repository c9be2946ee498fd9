-- What the end of a job or of a group means to the jobs that wait for it. A job waits for the ids in job:<id>:waits;
-- fan-in is decided by what has ended, never by a counter, so that telling twice changes nothing.
-- Loaded when it is first used.
-- Uses: keys, clock, jobs, endings, queue_settings
local P, now = keys.prefix, clock.now
local ENDED = {succeeded = true, dead = true, failed = true, cancelled = true}
-- The condition of an edge, by its score in job:<id>:dependents: the ends that meet it. 3 is a child, of which its
-- parent only asks that it ends; 4 the follow-up of a fan-out, which does not run after a cancelled one.
local CONDITIONS = {
  ['0'] = {succeeded = true},
  ['1'] = {dead = true, failed = true},
  ['2'] = ENDED,
  ['3'] = ENDED,
  ['4'] = {succeeded = true, failed = true},
}
-- Dependents that one script call looks at: each costs some 10 us, and the time of one script is everybody's time.
local budget = 500

-- Whether an edge with that condition lets its dependent run after such an end.
local function meets(condition, state) return CONDITIONS[condition][state] end

-- Queues or schedules a job whose dependencies have ended, by the moves `now_move` or `later_move`. One that waited
-- for its children goes back to its old place; one that begins goes before new work of its priority.
local function release(id, job, now_move, later_move, fields)
  local kept = redis.call('HMGET', P .. 'job:' .. id, 'started_at', 'delay_ms', 'due_at')
  if kept[1] then return jobs.move(id, job, now_move, tonumber(job.score), fields) end
  local due = tonumber(kept[3] or nil) or now + (kept[2] or 0)
  fields[#fields + 1] = 'run_at'
  fields[#fields + 1] = math.max(due, now)
  if due > now then return jobs.move(id, job, later_move, due, fields) end
  local at = queue_settings.running_order(job.queue, job.priority, tonumber(job.created_at))
  local count = #fields
  fields[count + 1], fields[count + 2], fields[count + 3], fields[count + 4] = 'queued_at', now, 'score', at
  jobs.move(id, job, now_move, at, fields)
end

-- Tells one dependent that `id` has ended so.
local function notify_one(id, state, dependent, condition)
  local met = meets(condition, state)
  if met then redis.call('SREM', P .. 'job:' .. dependent .. ':waits', id) end
  local job = jobs.load(dependent)
  if not job or job.state ~= 'blocked' then return end
  if not met then
    -- One that has started and waits for its children has passed this edge: only a new run asks again.
    if redis.call('HEXISTS', P .. 'job:' .. dependent, 'started_at') == 1 then return end
    endings.finish(dependent, job, 'cancel', condition == '4' and 'fan_out' or 'dependency', 0)
  elseif redis.call('EXISTS', P .. 'job:' .. dependent .. ':waits') == 0 then
    release(dependent, job, 'release', 'postpone', {})
  end
end

-- Tells the dependents of an end, from the `from`-th on; returns where another call has to go on, or nil.
local function notify(id, state, from)
  if budget <= 0 then return from end
  local raw = redis.call('ZRANGE', P .. 'job:' .. id .. ':dependents', from, from + budget - 1, 'WITHSCORES')
  local count, allowed = #raw / 2, budget
  for i = 1, #raw, 2 do notify_one(id, state, raw[i], raw[i + 1]) end
  budget = budget - count
  if count == allowed then return from + allowed end
end

-- The state of what a job waits for, a job, one that was forgotten, or a group; nil when nothing is known of it.
local function state_of(id)
  return redis.call('HGET', P .. 'job:' .. id, 'state') or redis.call('HGET', P .. 'ended:' .. id, 'state')
    or redis.call('HGET', P .. 'group:' .. id, 'state') or nil
end

return {ENDED = ENDED, meets = meets, release = release, notify = notify, state_of = state_of}
