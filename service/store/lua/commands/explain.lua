#!lua flags=no-writes
-- Reads, at one moment, everything that explains a job's state. It applies limits as a claim does.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] job id   ARGV[3] limit on the dependencies to return   ARGV[4] counts running jobs per worker
--   and type only up to this many jobs
-- Returns {} for a job that does not exist, else {now, HGETALL, then by state:
--   queued: "1" if its queue is paused, "1" if its type is paused, aging_ms, jobs ahead in its lane, queued jobs of
--     the queue, limiters ({id, when it opens if it is closed, concurrency, running, rate, its window (ms), when the
--     rate allows a start}), the published job type (JSON), running jobs ({worker, type, count ...}, nil if there are
--     too many)
--   scheduled, retrying: when it is due   running: end of the lease, when its cancel is forced
--   blocked: number of unfinished dependencies, some of them ({id, state, condition, key}), holder of its unique key
--     and its state}
-- Uses: keys, clock, jobs, traits, lanes, queue_settings, queue_limits, limiter_rooms, unique_keys, dependents, groups
local P = keys.prefix
local id, key = ARGV[2], P .. 'job:' .. ARGV[2]
local job = jobs.load(id)
if not job then return {} end
local answer, none_wanted = {clock.now, redis.call('HGETALL', key)}, {slots = 0, rooms = {}, closed_at = {}}
local function add(value) answer[#answer + 1] = value or false end

local function limiter(name, concurrency, rate, running)
  local left, opens = 1, nil
  if rate then
    -- Whether the limiter is closed now is returned separately.
    local room = limiter_rooms.new(none_wanted, name, {name = job.queue}, nil, rate, 0)
    left, opens = room.left, room.at and math.ceil(rate.smooth and room.opens / 1000 or room.at)
  end
  return {
    name, redis.call('ZSCORE', P .. 'closed_limiters', name), concurrency or false, tonumber(running or 0),
    rate and rate.limit or false, rate and math.floor(rate.per / 1000) or false, left <= 0 and opens or false,
  }
end

local function limiters_of(queue)
  local limits = queue.limits or {}
  local running = redis.call('ZCARD', keys.queue(queue.name, 'running'))
  local found = {limiter('queue:' .. queue.name, limits.concurrency, limits.rate, running)}
  if lanes.name(job) == '' then found[2] = limiter(lanes.type_limiter(job)) end
  for _, name in ipairs(lanes.limiters(job)) do
    local concurrency, rate = queue_limits.of_lane(name, queue, job)
    found[#found + 1] = limiter(name, concurrency, rate, redis.call('HGET', P .. 'busy', name))
  end
  return found
end

-- How many jobs of each type each worker runs; false if counting would take too long.
local function count_runs(most)
  if redis.call('ZCARD', P .. 'leases') > most then return false end
  local counts, flat = {}, {}
  for _, running in ipairs(redis.call('ZRANGE', P .. 'leases', 0, -1)) do
    local of = redis.call('HMGET', P .. 'job:' .. running, 'worker_id', 'traits')
    local both = (of[1] or '') .. ' ' .. (of[2] and traits.of(of[2]).name or '')
    counts[both] = (counts[both] or 0) + 1
  end
  for both, count in pairs(counts) do
    flat[#flat + 1], flat[#flat + 2] = string.match(both, '^(.-) (.*)$')
    flat[#flat + 1] = count
  end
  return flat
end

local function add_queue()
  local queue = {name = job.queue}
  local paused_types = queue_limits.read(queue)
  add(queue_settings.get(job.queue, 'paused'))
  add(queue_settings.names_type(paused_types, job.name) and '1')
  add(queue_settings.get(job.queue, 'aging_ms'))
  add(redis.call('ZRANK', lanes.key(job), id))
  add(redis.call('ZCARD', keys.queue(job.queue, 'queued')))
  add(limiters_of(queue))
  add(redis.call('HGET', P .. 'catalogue', job.name))
  add(count_runs(tonumber(ARGV[4])))
end

local function add_waits()
  local found = {}
  add(redis.call('SCARD', key .. ':waits'))
  for _, other in ipairs(redis.call('SRANDMEMBER', key .. ':waits', ARGV[3])) do
    local hash = P .. (groups.is_fan_out(other) and 'group:' or 'job:') .. other
    local condition = redis.call('ZSCORE', P .. 'job:' .. other .. ':dependents', id)
    found[#found + 1] = {other, dependents.state_of(other) or false, condition, redis.call('HGET', hash, 'key')}
  end
  add(found)
  if not job.unique then return end
  local holding, following = unique_keys.of(job)
  local holder = redis.call('GET', following) == id and redis.call('GET', holding)
  add(holder)
  add(holder and redis.call('HGET', P .. 'job:' .. holder, 'state'))
end

if job.state == 'queued' then
  add_queue()
elseif job.state == 'blocked' then
  add_waits()
elseif job.state == 'running' then
  add(redis.call('ZSCORE', P .. 'leases', id))
  add(redis.call('ZSCORE', P .. 'cancelling', id))
elseif not jobs.FINISHED[job.state] then
  add(redis.call('ZSCORE', P .. 'due', id))
end
return answer
