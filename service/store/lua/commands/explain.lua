#!lua flags=no-writes
-- Read in one moment all that decides why a job is where it is. What limits it is asked as a claim asks it.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] job id   ARGV[3] of the jobs that it waits for, so many at most   ARGV[4] counts running jobs of each
--   worker and type while there are no more of them
-- Returns {} for a job that does not exist, else {now, HGETALL, and by state:
--   queued: "1" if its queue is paused, "1" if its type is, aging_ms, jobs ahead in its lane, queued jobs of the queue,
--     limiters ({id, time at which it opens if it is closed, concurrency, running, rate, its window (ms), when that lets one start}),
--     the type as it was published (JSON), running jobs ({worker, type, count ...} or nil, if there are too many)
--   scheduled, retrying: when it is due   running: end of the lease, when its cancel is forced
--   blocked: of how many it waits, those ({id, state, demand, key}), holder of its unique key and its state}
-- Uses: job_indexes
local slots, parked_before = 0, false
-- Uses: limiters
local id, key = ARGV[2], P .. 'job:' .. ARGV[2]
local job = load(id)
if not job then return {} end
local answer = {now, redis.call('HGETALL', key)}
local function add(value) answer[#answer + 1] = value or false end
local function get(hash, field) return redis.call('HGET', hash, field) end

local function limiter(name, concurrency, rate, running)
  local left, opens = 1, nil
  if rate then
    -- Whether it is closed just now is said beside.
    local room = new_room(name, {name = job.queue}, nil, rate, 0)
    left, opens = room.left, room.at and math.ceil(rate.smooth and room.opens / 1000 or room.at)
  end
  return {name, redis.call('ZSCORE', P .. 'parked', name), concurrency or false, tonumber(running or 0), rate and rate.limit or false,
    rate and math.floor(rate.per / 1000) or false, left <= 0 and opens or false}
end

local function limiters_of(queue)
  local limits = queue.limits or {}
  local found = {limiter('queue:' .. queue.name, limits.concurrency, limits.rate, redis.call('ZCARD', queue_key(queue.name, 'running')))}
  if lane_name(job) == '' then found[2] = limiter(type_limiter(job)) end
  for _, name in ipairs(lane_limiters(job)) do
    local concurrency, rate
    if string.sub(name, 1, 4) == 'key:' then concurrency, rate = key_limits(queue, job.limit_key) else concurrency = tonumber(get(P .. 'limiters', name)) end
    found[#found + 1] = limiter(name, concurrency, rate, get(P .. 'busy', name))
  end
  return found
end

local function runs(most)
  if redis.call('ZCARD', P .. 'leases') > most then return false end
  local counts, flat = {}, {}
  for _, running in ipairs(redis.call('ZRANGE', P .. 'leases', 0, -1)) do
    local of = redis.call('HMGET', P .. 'job:' .. running, 'worker_id', 'name')
    local both = (of[1] or '') .. ' ' .. (of[2] or '')
    counts[both] = (counts[both] or 0) + 1
  end
  for both, count in pairs(counts) do
    local worker, name = string.match(both, '^(.-) (.*)$')
    flat[#flat + 1] = worker; flat[#flat + 1] = name; flat[#flat + 1] = count
  end
  return flat
end

local function look_at_queue()
  local queue = {name = job.queue}
  local paused = read_limits(queue)
  add(setting(job.queue, 'paused'))
  add(paused and string.find(paused, ' ' .. job.name .. ' ', 1, true) and '1')
  add(setting(job.queue, 'aging_ms'))
  add(redis.call('ZRANK', lane_key(job), id))
  add(redis.call('ZCARD', queue_key(job.queue, 'queued')))
  add(limiters_of(queue))
  add(get(P .. 'catalogue', job.name))
  add(runs(tonumber(ARGV[4])))
end

local function look_at_waits()
  local found = {}
  add(redis.call('SCARD', key .. ':waits'))
  for _, other in ipairs(redis.call('SRANDMEMBER', key .. ':waits', ARGV[3])) do
    local hash = P .. (string.sub(other, 1, 4) == 'fan_' and 'group:' or 'job:') .. other
    local fields = redis.call('HMGET', hash, 'state', 'key')
    found[#found + 1] = {other, fields[1] or get(P .. 'ended:' .. other, 'state'), redis.call('ZSCORE', P .. 'job:' .. other .. ':dependents', id), fields[2]}
  end
  add(found)
  if not job.unique then return end
  local holding, following = unique_keys(job)
  local holder = redis.call('GET', following) == id and redis.call('GET', holding)
  add(holder)
  add(holder and get(P .. 'job:' .. holder, 'state'))
end

if job.state == 'queued' then
  look_at_queue()
elseif job.state == 'blocked' then
  look_at_waits()
elseif job.state == 'running' then
  add(redis.call('ZSCORE', P .. 'leases', id))
  add(redis.call('ZSCORE', P .. 'cancelling', id))
elseif not FINISHED[job.state] then
  add(redis.call('ZSCORE', P .. 'due', id))
end
return answer
