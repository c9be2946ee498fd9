#!lua flags=allow-oom
-- Promote what is due, then lease up to `slots` queued jobs to a worker: smooth weighted round robin over its
-- queues, running order inside each. A type that this worker does not know is never looked at, so it waits.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] worker id   ARGV[3] request id: the same again returns the same leases
-- ARGV[4] lease (ms)   ARGV[5] slots   ARGV[6] due jobs promoted at most   ARGV[7] retention of a dead job at least (ms)
-- ARGV[8] the worker's pool   ARGV[9] number of queues, then per queue: name ("*" = every other), weight, credit
-- ARGV[..] then per job type: name, free slots of that type ("" = no limit)
-- Returns {now, ms until the next due job or -1, ms until a job may expire or a cancel is forced or -1,
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

for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'due', '-inf', now, 'LIMIT', 0, ARGV[6])) do
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
flush()

local types, queues, position = {}, {}, 10
local listed, everything_else, credits = {}, nil, {}
for _ = 1, tonumber(ARGV[9]) do
  local name, weight, credit = ARGV[position], tonumber(ARGV[position + 1]), tonumber(ARGV[position + 2])
  if name == '*' then everything_else = weight else listed[name] = {name = name, weight = weight, credit = credit} end
  position = position + 3
end
for i = position, #ARGV, 2 do types[#types + 1] = ARGV[i] end
local free = {}
for i = position, #ARGV, 2 do free[ARGV[i]] = tonumber(ARGV[i + 1]) end

local ready = redis.call('SMEMBERS', P .. 'ready')
for _, name in ipairs(#types > 0 and ready or {}) do
  local queue = listed[name] or (everything_else and {name = name, weight = everything_else, credit = 0})
  if queue and setting(name, 'paused') ~= '1' then
    queue.types, queue.lanes = {}, {}
    for i, score in ipairs(redis.call('ZMSCORE', queue_key(name, 'types'), unpack(types))) do
      if score and free[types[i]] ~= 0 then queue.types[types[i]] = tonumber(score) end
    end
    if next(queue.types) then queues[#queues + 1] = queue end
  end
end

-- The lanes of a type that can matter to this claim, each with its first jobs; heads move as jobs are taken.
local function open(queue, name)
  local found = {}
  local raw = redis.call('ZRANGE', queue_key(queue.name, 'lanes:' .. name), 0, slots - 1, 'WITHSCORES')
  for i = 1, #raw, 2 do found[#found + 1] = {limit_key = raw[i], score = tonumber(raw[i + 1])} end
  queue.lanes[name] = found
  return found
end

local function take(queue)
  local best
  for name, score in pairs(queue.types) do
    if not best or score < queue.types[best] then best = name end
  end
  local candidates, first = queue.lanes[best] or open(queue, best), nil
  for _, lane in ipairs(candidates) do
    if lane.score and (not first or lane.score < first.score) then first = lane end
  end
  local job = {queue = queue.name, name = best, limit_key = first.limit_key, state = 'queued'}
  first.jobs = first.jobs or redis.call('ZRANGE', lane_key(job), 0, slots, 'WITHSCORES')
  first.taken = (first.taken or 0) + 1
  local id = first.jobs[first.taken * 2 - 1]
  first.score = tonumber(first.jobs[first.taken * 2 + 2])
  local lowest
  for _, lane in ipairs(candidates) do
    if lane.score and (not lowest or lane.score < lowest) then lowest = lane.score end
  end
  queue.types[best] = lowest
  if free[best] then
    free[best] = free[best] - 1
    for _, other in ipairs(queues) do if free[best] == 0 then other.types[best] = nil end end
  end
  return id, job
end

local function lease(id, shell)
  local job = load(id)
  if not job or job.state ~= 'queued' then
    leave(id, shell)
    redis.call('HINCRBY', P .. 'counters', 'orphans', 1)
    return
  end
  local key = P .. 'job:' .. id
  local more = redis.call('HMGET', key, 'expires_at', 'deadline_at', 'started_at', 'unique_until')
  local late = (more[2] and tonumber(more[2]) <= now and 'deadline') or (more[1] and not more[3] and tonumber(more[1]) <= now and 'expired')
  if late then return finish(id, job, 'dead', late, tonumber(ARGV[7])) end
  leave(id, job)
  enter(id, job, 'running', now + ARGV[4])
  if more[4] == 'started' then release_unique(id, job) end
  local delivery = redis.call('HINCRBY', key, 'deliveries', 1)
  redis.call('HINCRBY', key, 'version', 1)
  redis.call('HSET', key, 'state', 'running', 'token', delivery .. ':' .. request, 'worker_id', worker, 'started_at', now)
  leases[#leases + 1] = {id, redis.call('HGETALL', key)}
  return true
end

local ids = {}
while slots > 0 and #queues > 0 do
  local total, chosen = 0, nil
  for _, queue in ipairs(queues) do
    queue.credit = queue.credit + queue.weight
    total = total + queue.weight
    if not chosen or queue.credit > chosen.credit then chosen = queue end
  end
  chosen.credit = chosen.credit - total
  local id, shell = take(chosen)
  if lease(id, shell) then ids[#ids + 1] = id; slots = slots - 1 else skipped = true end
  for i = #queues, 1, -1 do
    if not next(queues[i].types) then credits[#credits + 1] = queues[i].name; credits[#credits + 1] = queues[i].credit; table.remove(queues, i) end
  end
end
for _, queue in ipairs(queues) do credits[#credits + 1] = queue.name; credits[#credits + 1] = queue.credit end
if #ids > 0 then redis.call('SET', memory, request .. ' ' .. table.concat(ids, ' '), 'PX', 600000) end
flush()
local _, due = head(P .. 'due')
-- Who found work is busy now: hand the watch over what is left, and over the next due time, to an idle one.
if #ids > 0 and (#queues > 0 or due) then redis.call('ZADD', P .. 'wake:' .. ARGV[8], 0, '1') end
local _, first = head(P .. 'expiry')
local _, second = head(P .. 'cancelling')
local alarm = math.min(tonumber(first) or math.huge, tonumber(second) or math.huge)
return {now, due and math.max(0, due - now) or -1, alarm < math.huge and math.max(0, alarm - now) or -1, (#queues > 0 or skipped) and 1 or 0, credits, leases}
