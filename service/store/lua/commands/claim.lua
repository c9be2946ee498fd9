#!lua flags=allow-oom
-- Promote what is due, then lease up to `slots` queued jobs to a worker: smooth weighted round robin over its queues,
-- inside each running order, fair between limit keys. Types that this worker does not know and lanes whose limiter is
-- closed are never looked at. A limiter is charged for jobs that start, in the same call.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] worker id   ARGV[3] request id: the same again returns the same leases
-- ARGV[4] lease (ms)   ARGV[5] slots   ARGV[6] due jobs promoted at most   ARGV[7] retention of a dead job at least (ms)
-- ARGV[8] the worker's pool   ARGV[9] the credits that the claim before answered   ARGV[10] number of queues, then per queue:
--   name ("*" = every other), weight
-- ARGV[..] then per job type: name, free slots of that type ("" = no limit)
-- Returns {now (us), when the next job is due or limiter opens (us) or -1, ms until a job may expire or a cancel is forced or -1,
--   1 if jobs are left, credits ("queue credit ..."), leases (id, HGETALL, what changed since, us from now to its start,
--   payload shared with others)}
-- Uses: job_indexes
-- Uses: groups
local worker, request, slots = ARGV[2], ARGV[3], tonumber(ARGV[5])
local memory, leases, skipped = P .. 'worker:' .. worker .. ':claim', {}, false

local before = redis.call('GET', memory)
if before and string.sub(before, 1, #request + 1) == request .. ' ' then
  for id in string.gmatch(string.sub(before, #request + 2), '%S+') do
    local job = load(id)
    if job and job.state == 'running' and string.find(job.token, request, 1, true) then
      local fields, starts = redis.call('HGETALL', P .. 'job:' .. id), tonumber(redis.call('HGET', P .. 'job:' .. id, 'started_at'))
      local shared = redis.call('HEXISTS', P .. 'job:' .. id, 'shared') == 1
      leases[#leases + 1] = {id, fields, {}, math.max(0, starts * 1000 - micros),
        shared and redis.call('HGET', P .. 'payload:' .. job.group, 'json') or ''}
    end
  end
  return {micros, micros, -1, 1, ARGV[9], leases}
end
local _, parked_before = head(P .. 'parked')
local due_ids = redis.call('ZRANGEBYSCORE', P .. 'due', '-inf', now, 'LIMIT', 0, ARGV[6])
for _, id in ipairs(due_ids) do
  local job = load(id)
  if job and (job.state == 'scheduled' or job.state == 'retrying') then
    local due = tonumber(redis.call('ZSCORE', P .. 'due', id))
    local score = running_order(job.queue, job.priority, due)
    leave(id, job)
    enter(id, job, 'queued', score)
    redis.call('HSET', P .. 'job:' .. id, 'state', 'queued', 'queued_at', due, 'score', score)
    redis.call('HINCRBY', P .. 'job:' .. id, 'version', 1)
  else
    append(removed, P .. 'due', id)
  end
end
local opened = micros / 1000
local again = parked_before and tonumber(parked_before) <= opened and redis.call('ZRANGEBYSCORE', P .. 'parked', '-inf', opened, 'LIMIT', 0, 100) or {}
for _, limiter in ipairs(again) do reopen(limiter) end
if #due_ids + #again > 0 then flush() end

local listed, named, everything_else, star_credit, answered, types, free, position = {}, {}, nil, 0, {}, {}, {}, 11
-- As for a lane (lane_of): fields that are named make room, here and in lease().
local function new_queue(name, weight, credit)
  return {name = name, weight = weight, credit = credit, waits = false, looked = false, closed = false, served = false, plain = nil, keyed = nil,
    lanes = nil, names = nil, paused = nil, room = nil}
end
for _ = 1, tonumber(ARGV[10]) do
  local name, weight = ARGV[position], tonumber(ARGV[position + 1])
  if name == '*' then everything_else = weight else listed[name] = new_queue(name, weight, 0); named[#named + 1] = name end
  position = position + 2
end
for name, credit in string.gmatch(ARGV[9], '(%S+) (%S+)') do
  if name == '*' then star_credit = tonumber(credit) elseif listed[name] then listed[name].credit = tonumber(credit) end
end
for i = position, #ARGV, 2 do
  types[#types + 1] = ARGV[i]
  free[ARGV[i]] = tonumber(ARGV[i + 1])
end
-- A job of a lane with a key costs some 50 us: more of them are left to the next claim, which follows at once.
local KEYED_AT_MOST = 50
-- A queue and a lane cost as much to look at as a job or two, so a claim of many jobs takes several in a turn: all of them start
-- at the same moment anyway (docs/adr/0016).
local TURN_AT_MOST = 12
local jobs_in_a_turn = math.max(1, math.min(TURN_AT_MOST, math.floor(slots / 4)))
local jobs_of_a_lane = math.max(1, math.min(6, math.floor(slots / 8)))
-- Uses: weighted_queues
-- Uses: next_lane

-- Reads the job once and writes it once: the lease is what was read, and what was written.
local function lease(id, queue, lane)
  local key, job = P .. 'job:' .. id, {lane_key = lane.lane_key, limiters = lane.limiters, v = 0, version = 0, name = 0, queue = 0, priority = 0,
    payload = 0, options = 0, created_at = 0, retention_ms = 0, run_at = 0, queued_at = 0, score = 0, state = 0}
  local fields = redis.call('HGETALL', key)
  for i = 1, #fields, 2 do job[fields[i]] = fields[i + 1] end
  if job.state ~= 'queued' then
    leave(id, lane)
    redis.call('HINCRBY', P .. 'counters', 'orphans', 1)
    return
  end
  local late = (job.deadline_at and tonumber(job.deadline_at) <= now and 'deadline')
    or (job.expires_at and not job.started_at and tonumber(job.expires_at) <= now and 'expired')
  if late then return finish(id, job, 'dead', late, tonumber(ARGV[7])) end
  leave(id, job)
  enter(id, job, 'running', now + ARGV[4])
  if job.unique_until == 'started' then release_unique(id, job) end
  local delivery = (job.deliveries or 0) + 1
  local at = starts_at(queue, lane)
  local written = {'state', 'running', 'version', job.version + 1, 'deliveries', delivery, 'token', delivery .. ':' .. request, 'worker_id', worker,
    'started_at', math.floor(at / 1000)}
  redis.call('HSET', key, unpack(written))
  -- What it shares with other items of its fan-out: the worker lays the item's own payload over it.
  leases[#leases + 1] = {id, fields, written, at - micros,
    job.shared and redis.call('HGET', P .. 'payload:' .. job.group, 'json') or ''}
  started(queue, lane, at, tonumber(job.queued_at) * 1000)
  return true
end

-- Starts jobs of one queue until its turn is over; answers how many.
local ids = {}
local function serve(queue, most)
  local count = 0
  while count < most and slots > 0 and keyed_starts < KEYED_AT_MOST and in_turn(queue) do
    local lane, turn = next_lane(queue), 0
    if not lane then break end
    local began = lane.score
    repeat
      local id = take(lane)
      local leased = lease(id, queue, lane)
      if leased then
        ids[#ids + 1] = id
        slots, count, turn = slots - 1, count + 1, turn + 1
      else
        -- Nothing started, so nothing is charged: neither a limiter nor the queue's share.
        skipped = true
      end
    until not leased or turn == jobs_of_a_lane or count == most or slots == 0 or not goes_on(queue, lane, began)
    put_back(queue, lane)
  end
  return count
end

if #types > 0 then line_up() end
local turn, queue = next_turn()
while turn and slots > 0 and keyed_starts < KEYED_AT_MOST do
  end_turn(turn, queue, serve(queue, jobs_in_a_turn))
  turn, queue = next_turn()
end
for _, entry in ipairs(entries) do answer_credit(entry) end
if #ids > 0 then redis.call('SET', memory, request .. ' ' .. table.concat(ids, ' '), 'PX', 600000) end
settle_rooms()
-- A script has at most 200 local variables, the preludes' included: these are gone with their block.
do
  local parked_now = parked_before or next(parking)
  flush()
  write_lines()
  local _, due = head(P .. 'due')
  due = tonumber(due) or math.huge
  if parked_now then due = math.min(due, tonumber(({head(P .. 'parked')})[2]) or math.huge) end
  -- What is left is for an idle worker. So is the watch over the next due time, unless this one has slots left: then it has a timer.
  if #ids > 0 and (turn or (slots == 0 and due < math.huge)) then redis.call('ZADD', P .. 'wake:' .. ARGV[8], 0, '1') end
  local _, first = head(P .. 'expiry')
  local _, second = head(P .. 'cancelling')
  local alarm = math.min(tonumber(first) or math.huge, tonumber(second) or math.huge)
  return {micros, due < math.huge and math.ceil(due * 1000) or -1, alarm < math.huge and math.max(0, alarm - now) or -1,
    (turn or skipped) and 1 or 0, table.concat(answered, ' '), leases}
end
