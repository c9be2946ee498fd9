#!lua flags=allow-oom
-- Promotes due jobs, then leases up to `slots` queued jobs to a worker: smooth weighted round robin over its queues,
-- running order within each queue, fair between limit keys. The claim never reads types that the worker does not know,
-- or lanes that a limiter has closed. It charges limiters for the jobs that it starts, in the same call.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] worker id   ARGV[3] request id: a repeated request returns the same leases
-- ARGV[4] lease (ms)   ARGV[5] slots   ARGV[6] limit on due jobs to promote
-- ARGV[7] shortest retention of a dead job (ms)
-- ARGV[8] the worker's pool   ARGV[9] credits that the previous claim returned   ARGV[10] number of queues, then per
--   queue: name ("*" = every other), weight
-- ARGV[..] then per job type: name, free slots of that type ("" = no limit)
-- Returns {now (us), when the next job is due or the next limiter opens (us) or -1, ms until a job may expire or a
--   cancel is forced or -1, 1 if jobs are left, credits ("queue credit ..."), leases (claimed_jobs.lua)}
-- Uses: keys, clock, batch, jobs, job_indexes, endings, unique_keys, catch_up, claims, claimed_queues, claimed_jobs
-- Uses: weighted_queues, next_lane, limiter_rooms, allowance, consequences, wake_workers
local P, now, micros = keys.prefix, clock.now, clock.micros
local worker, request, dead_retention_ms = ARGV[2], ARGV[3], tonumber(ARGV[7])
local lease_end = now + ARGV[4]
-- A job from a lane with a limit key costs about 80 us, and a call only 50: the next claim, which follows immediately,
-- takes the rest. DEATH is what it costs to note that a job is dead (allowance.lua).
local KEYED_AT_MOST, DEATH = 20, 60
local memory, ids, leases = P .. 'worker:' .. worker .. ':claim', {}, {}

-- The leases that this request got the first time.
local function repeat_leases(given)
  for id in string.gmatch(given, '%S+') do
    local key = P .. 'job:' .. id
    local fields = redis.call('HGETALL', key)
    local job = claimed_jobs.read(key, fields)
    if job and job.state == 'running' and string.find(job.token, request, 1, true) then
      leases[#leases + 1] = claimed_jobs.lease_of(id, job, fields, job.started_at * 1000 - micros)
    end
  end
  return {micros, micros, -1, 1, ARGV[9], leases}
end

local before = redis.call('GET', memory)
if before and string.sub(before, 1, #request + 1) == request .. ' ' then
  return repeat_leases(string.sub(before, #request + 2))
end
local claim = claims.new(tonumber(ARGV[5]), ARGV[9], ARGV, 10)
claim.anything_closed = catch_up.run(ARGV[6])

-- Why it is too late to start the job, or nil.
local function too_late(job)
  if job.deadline_at and tonumber(job.deadline_at) <= now then return 'deadline' end
  if job.expires_at and not job.started_at and tonumber(job.expires_at) <= now then return 'expired' end
end

-- Starts a job. Its lease holds the fields that were read and those that were written. Returns nil if it may not start.
local function lease(id, score, queue, lane)
  local key = P .. 'job:' .. id
  local fields = redis.call('HGETALL', key)
  local job = claimed_jobs.read(key, fields)
  if not job or job.state ~= 'queued' then
    job_indexes.leave(id, lane)
    redis.call('HINCRBY', P .. 'counters', 'orphans', 1)
    return
  end
  local reason = too_late(job)
  if reason then
    allowance.spend_end(job, DEATH)
    return endings.finish(id, job, 'bury', reason, dead_retention_ms)
  end
  local at = next_lane.starts_at(claim, queue, lane)
  local token = (job.token and jobs.deliveries(job.token) + 1 or '1') .. ':' .. request
  local started_at = at == micros and clock.text or string.format('%.0f', math.floor(at / 1000))
  jobs.move(id, job, 'claim', lease_end, {
    'token', token, 'worker_id', worker, 'started_at', started_at, 'score', score,
  })
  if job.unique_until == 'started' then unique_keys.release(id, job) end
  ids[#ids + 1] = id
  local count = #fields
  fields[count + 1], fields[count + 2], fields[count + 3], fields[count + 4] = 'version', job.version, 'token', token
  fields[count + 5], fields[count + 6] = 'started_at', started_at
  leases[#leases + 1] = claimed_jobs.lease_of(id, job, fields, at - micros)
  next_lane.started(claim, queue, lane, at, queue.limits and jobs.queued_at(job.queued_at, job.created_at) * 1000)
  return true
end

local function may_start_more()
  return claim.slots > 0 and claim.keyed_starts < KEYED_AT_MOST and not allowance.is_spent()
end

-- Starts jobs of one queue until its turn ends; returns how many.
local function serve(queue)
  local count, most = 0, claim.jobs_in_a_turn
  while count < most and may_start_more() and claimed_queues.may_start(claim, queue) do
    local lane, turn = next_lane.choose(claim, queue), 0
    if not lane then break end
    local began, leased = lane.score
    repeat
      local id, score = next_lane.take(lane)
      leased = lease(id, score, queue, lane)
      if leased then
        claim.slots, count, turn = claim.slots - 1, count + 1, turn + 1
      else
        -- No job started, so nothing is charged: neither a limiter nor the queue's share.
        claim.skipped = true
      end
    until not leased or turn == claim.jobs_of_a_lane or count == most or claim.slots == 0
      or not next_lane.may_continue(claim, queue, lane, began)
    next_lane.put_back(claim, queue, lane)
  end
  return count
end

if #claim.types > 0 then weighted_queues.line_up(claim) end
local turn, queue = weighted_queues.next_turn(claim)
while turn and may_start_more() do
  weighted_queues.end_turn(claim, turn, queue, serve(queue))
  turn, queue = weighted_queues.next_turn(claim)
end
weighted_queues.keep_credits(claim)
if #ids > 0 then redis.call('SET', memory, request .. ' ' .. table.concat(ids, ' '), 'PX', 600000) end
if next(claim.rooms) then limiter_rooms.settle(claim) end
local anything_closed = claim.anything_closed or next(batch.closing)
consequences.flush()
weighted_queues.write_lines(claim)

local function first_time(set)
  local _, at = keys.head(P .. set)
  return tonumber(at) or math.huge
end

local due, alarm = first_time('due'), math.huge
-- One check for both: usually no job expires and none is being cancelled.
if redis.call('EXISTS', P .. 'expiry', P .. 'cancelling') > 0 then
  alarm = math.min(first_time('expiry'), first_time('cancelling'))
end
if anything_closed then due = math.min(due, first_time('closed_limiters')) end
-- An idle worker takes the remaining jobs. It also watches the next due time, unless this worker has free slots and so
-- its own timer.
local wakes = #ids > 0 and (turn or (claim.slots == 0 and due < math.huge))
if wakes then wake_workers.pool(ARGV[8]) end
if #ids > 0 then wake_workers.on_claim(ARGV[8], #ids) end
return {
  micros, due < math.huge and math.ceil(due * 1000) or -1, alarm < math.huge and math.max(0, alarm - now) or -1,
  (turn or claim.skipped) and 1 or 0, table.concat(claim.credits, ' '), leases,
}
