#!lua flags=allow-oom
-- Promote what is due, then lease up to `slots` queued jobs to a worker: smooth weighted round robin over its queues,
-- inside each running order, fair between limit keys. Types that this worker does not know and lanes whose limiter is
-- closed are never looked at. A limiter is charged for jobs that start, in the same call.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] worker id   ARGV[3] request id: the same again returns the same leases
-- ARGV[4] lease (ms)   ARGV[5] slots   ARGV[6] due jobs promoted at most   ARGV[7] retention of a dead job at least (ms)
-- ARGV[8] the worker's pool   ARGV[9] number of queues, then per queue: name ("*" = every other), weight, credit
-- ARGV[..] then per job type: name, free slots of that type ("" = no limit)
-- Returns {now, ms until the next due job or limiter or -1, ms until a job may expire or a cancel is forced or -1,
--   1 if jobs are left, credits (queue, credit ...), leases (HGETALL ...)}
-- Uses: index
-- Uses: groups
local worker, request, slots = ARGV[2], ARGV[3], tonumber(ARGV[5])
local memory, leases, skipped = P .. 'worker:' .. worker .. ':claim', {}, false

local before = redis.call('GET', memory)
if before and string.sub(before, 1, #request + 1) == request .. ' ' then
  for id in string.gmatch(string.sub(before, #request + 2), '%S+') do
    local job = load(id)
    if job and job.state == 'running' and string.find(job.token, request, 1, true) then
      leases[#leases + 1] = {id, redis.call('HGETALL', P .. 'job:' .. id)}
    end
  end
  return {now, 0, -1, 1, {}, leases}
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
local again = parked_before and tonumber(parked_before) <= now and redis.call('ZRANGEBYSCORE', P .. 'parked', '-inf', now, 'LIMIT', 0, 100) or {}
for _, limiter in ipairs(again) do reopen(limiter) end
if #due_ids + #again > 0 then flush() end
-- Uses: limits

local queues, position = {}, 10
local listed, everything_else, credits, types, free = {}, nil, {}, {}, {}
for _ = 1, tonumber(ARGV[9]) do
  local name, weight, credit = ARGV[position], tonumber(ARGV[position + 1]), tonumber(ARGV[position + 2])
  if name == '*' then everything_else = weight else listed[name] = {name = name, weight = weight, credit = credit} end
  position = position + 3
end
for i = position, #ARGV, 2 do
  types[#types + 1] = ARGV[i]
  free[ARGV[i]] = tonumber(ARGV[i + 1])
end
-- A job of a lane with limiters costs up to 100 us: more of them are left to the next claim, which follows at once.
local KEYED_AT_MOST = 20
-- Uses: lineup
-- Uses: turns

local function keep_credit(queue) credits[#credits + 1] = queue.name; credits[#credits + 1] = queue.credit end

for _, queue in ipairs(line_up()) do
  if queue.room and queue.room.left <= 0 then queue.room.waits = true else queues[#queues + 1] = queue end
end

-- Reads the job once and writes it once: the lease is what was read, with what was written behind it.
local function lease(id, shell)
  local key, job = P .. 'job:' .. id, {}
  local fields = redis.call('HGETALL', key)
  for i = 1, #fields, 2 do job[fields[i]] = fields[i + 1] end
  if job.state ~= 'queued' then
    leave(id, shell)
    redis.call('HINCRBY', P .. 'counters', 'orphans', 1)
    return
  end
  local late = (job.deadline_at and tonumber(job.deadline_at) <= now and 'deadline')
    or (job.expires_at and not job.started_at and tonumber(job.expires_at) <= now and 'expired')
  if late then return finish(id, job, 'dead', late, tonumber(ARGV[7])) end
  leave(id, job)
  enter(id, job, 'running', now + ARGV[4])
  if job.unique_until == 'started' then release_unique(id, job) end
  local delivery = string.format('%d', (job.deliveries or 0) + 1)
  local written = {'state', 'running', 'version', string.format('%d', job.version + 1), 'deliveries', delivery,
    'token', delivery .. ':' .. request, 'worker_id', worker, 'started_at', string.format('%.0f', now)}
  redis.call('HSET', key, unpack(written))
  for _, value in ipairs(written) do fields[#fields + 1] = value end
  leases[#leases + 1] = {id, fields}
  return true
end

local ids = {}
while slots > 0 and #queues > 0 and keyed_starts < KEYED_AT_MOST do
  local total, chosen = 0, nil
  for _, queue in ipairs(queues) do
    queue.credit = queue.credit + queue.weight
    total = total + queue.weight
    if not chosen or queue.credit > chosen.credit then chosen = queue end
  end
  chosen.credit = chosen.credit - total
  local lane = next_lane(chosen)
  if lane then
    local id = take(chosen, lane)
    if lease(id, lane.shell) then
      ids[#ids + 1] = id
      slots = slots - 1
      started(chosen, lane)
    else
      -- Nothing started, so nothing is charged: neither a limiter nor the queue's share.
      chosen.credit = chosen.credit + total
      skipped = true
    end
    put_back(chosen, lane)
  else
    chosen.credit = chosen.credit + total
  end
  for i = #queues, 1, -1 do
    local queue = queues[i]
    local waiting = next(queue.plain) or next(queue.keyed)
    if queue.room and queue.room.left <= 0 then queue.room.waits = waiting ~= nil; waiting = nil end
    if not waiting then keep_credit(queue); table.remove(queues, i) end
  end
end
for _, queue in ipairs(queues) do keep_credit(queue) end
if #ids > 0 then redis.call('SET', memory, request .. ' ' .. table.concat(ids, ' '), 'PX', 600000) end
settle_rooms()
local parked_now = parked_before or next(parking)
flush()
local _, due = head(P .. 'due')
due = tonumber(due) or math.huge
if parked_now then due = math.min(due, tonumber(({head(P .. 'parked')})[2]) or math.huge) end
-- Who found work is busy now: hand the watch over what is left, and over the next due time, to an idle one.
if #ids > 0 and (#queues > 0 or due < math.huge) then redis.call('ZADD', P .. 'wake:' .. ARGV[8], 0, '1') end
local _, first = head(P .. 'expiry')
local _, second = head(P .. 'cancelling')
local alarm = math.min(tonumber(first) or math.huge, tonumber(second) or math.huge)
return {now, due < math.huge and math.max(0, due - now) or -1, alarm < math.huge and math.max(0, alarm - now) or -1,
  (#queues > 0 or skipped) and 1 or 0, credits, leases}
