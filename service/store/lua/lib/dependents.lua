-- What a finished job or group means for its dependents. A job waits for the ids in job:<id>:waits. The set of finished
-- ids decides, never a counter, so notifying twice changes nothing.
-- Uses: keys, clock, jobs, endings, queue_settings, allowance
local P, now
local ENDED = {succeeded = true, dead = true, failed = true, cancelled = true}
-- The outcomes that satisfy an edge, by the condition that is its score in job:<id>:dependents. 3 is a child, which
-- only has to finish for its parent; 4 is the follow-up of a fan-out, which does not run after a cancelled one.
local CONDITIONS = {
  ['0'] = {succeeded = true},
  ['1'] = {dead = true, failed = true},
  ['2'] = ENDED,
  ['3'] = ENDED,
  ['4'] = {succeeded = true, failed = true},
}
-- Dependents to read at once.
local READ = 500

local function begin() P, now = keys.prefix, clock.now end

-- Whether this outcome satisfies an edge with that condition.
local function meets(condition, state) return CONDITIONS[condition][state] end

-- Queues or schedules a job whose dependencies have finished, by `now_move` or `later_move`. A job that waited for its
-- children gets its old place back; a new job goes before newer jobs of its priority.
local function release(id, job, now_move, later_move, fields)
  local kept = redis.call('HMGET', P .. 'job:' .. id, 'started_at', 'delay_ms', 'due_at')
  if kept[1] then return jobs.move(id, job, now_move, tonumber(job.score), fields) end
  local due = tonumber(kept[3] or nil) or now + (kept[2] or 0)
  fields[#fields + 1] = 'run_at'
  fields[#fields + 1] = math.max(due, now)
  if due > now then return jobs.move(id, job, later_move, due, fields) end
  local at = queue_settings.running_order(job.queue, job.priority, tonumber(job.created_at))
  fields[#fields + 1] = 'queued_at'
  fields[#fields + 1] = now
  jobs.move(id, job, now_move, at, fields)
end

-- Notifies one dependent that `id` finished in that state.
local function notify_one(id, state, dependent, condition)
  local met = meets(condition, state)
  if met then redis.call('SREM', P .. 'job:' .. dependent .. ':waits', id) end
  local job = jobs.load(dependent)
  if not job or job.state ~= 'blocked' then return allowance.look() end
  if met then allowance.spend(job) else allowance.spend_end(job) end
  if not met then
    -- A job that has started, and waits for its children, has passed this edge; only a new run checks it again.
    if redis.call('HEXISTS', P .. 'job:' .. dependent, 'started_at') == 1 then return end
    endings.finish(dependent, job, 'cancel', condition == '4' and 'fan_out' or 'dependency', 0)
  elseif redis.call('EXISTS', P .. 'job:' .. dependent .. ':waits') == 0 then
    release(dependent, job, 'release', 'postpone', {})
  end
end

-- Notifies dependents, starting at number `from`; returns where the next call should continue, or nil when done.
local function notify(id, state, from)
  if allowance.is_spent() then return from end
  local raw = redis.call('ZRANGE', P .. 'job:' .. id .. ':dependents', from, from + READ - 1, 'WITHSCORES')
  for i = 1, #raw, 2 do
    if allowance.is_spent() then return from + (i - 1) / 2 end
    notify_one(id, state, raw[i], raw[i + 1])
  end
  if #raw == 2 * READ then return from + READ end
end

-- The state of a dependency: a job, a deleted job or a group; nil if it is unknown.
local function state_of(id)
  return redis.call('HGET', P .. 'job:' .. id, 'state') or redis.call('HGET', P .. 'ended:' .. id, 'state')
    or redis.call('HGET', P .. 'group:' .. id, 'state') or nil
end

-- Makes a parent wait for its unfinished children, and for nothing else.
local function check_waits(key)
  redis.call('DEL', key .. ':waits')
  for _, edge in ipairs(redis.call('HVALS', key .. ':dependencies')) do
    local child = string.match(edge, '^3 (.+)$')
    local job = child and jobs.load(child)
    if job and not jobs.FINISHED[job.state] then redis.call('SADD', key .. ':waits', child) end
  end
end

return {
  begin = begin, ENDED = ENDED, meets = meets, release = release, notify_one = notify_one, notify = notify,
  state_of = state_of, check_waits = check_waits,
}
