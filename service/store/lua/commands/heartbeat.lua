#!lua flags=allow-oom
-- Renews a worker's leases and its registry entry, and returns the leases that it lost or must cancel. An expired lease
-- that was not rescued is renewed: after an outage, the holder has priority.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] worker id   ARGV[3] lease (ms)   ARGV[4] running   ARGV[5] state
-- ARGV[6] how long the worker could not reach Redis (ms)   ARGV[7] its pool   ARGV[8..] per lease: job id, token
-- Returns {known (0: register again), drain requested, now, number of unfinished tasks, bulk actions and requested
--   audits (and 1 if the retention of a group has ended), 1 if a wake-up of the pool waits, ms until these, or -1: a
--   schedule fires, the retention of a job ends, a delivery of a webhook is due, a lease expires, a job expires, a
--   cancel is forced; 1 if the next heartbeat may come late, because a message will say if anything happens; then per
--   lost or cancelled lease: id, token, "lost" | "cancel", ms until the cancel is forced, the requester's message}
-- Uses: keys, clock, outage_guard, wake_workers
local P, now = keys.prefix, clock.now
local key, renewed, subscribed = P .. 'worker:' .. ARGV[2], {}, wake_workers.is_subscribed(ARGV[7])
-- How long after its time something is overdue: the worker that waited for that time is gone.
local OVERDUE = 1000
local entry = redis.call('HMGET', key, 'host', 'drain_requested')

local function until_first(set)
  local _, at = keys.head(P .. set)
  return at and math.max(0, at - now) or -1
end

local tasks = redis.call('ZCARD', P .. 'tasks') + redis.call('ZCARD', P .. 'running_actions')
  + redis.call('EXISTS', P .. 'audit_requested')

local function is_overdue(set)
  local _, at = keys.head(P .. set)
  return at and at + OVERDUE <= now
end

-- A subscribed worker rarely claims, or looks for groups whose retention has ended, without being woken.
if subscribed then
  if is_overdue('due') or is_overdue('closed_limiters') then wake_workers.pool(ARGV[7]) end
  if is_overdue('group_retention') or is_overdue('open_fan_outs') then tasks = tasks + 1 end
end

local function may_rest()
  if not subscribed or tasks > 0 or not entry[1] then return 0 end
  local active = redis.call('EXISTS', P .. 'leases', P .. 'ready', P .. 'expiry', P .. 'cancelling', P .. 'outbox')
  return active == 0 and wake_workers.may_rest() and 1 or 0
end

local answer = {
  entry[1] and 1 or 0, entry[2] and 1 or 0, now, tasks, redis.call('EXISTS', P .. 'wake:' .. ARGV[7]),
  until_first('fire_times'), until_first('retention'), until_first('outbox'), until_first('leases'),
  until_first('expiry'), until_first('cancelling'), may_rest(),
}

local function say(...)
  for _, value in ipairs({...}) do answer[#answer + 1] = value end
end

for i = 8, #ARGV, 2 do
  local id, token = ARGV[i], ARGV[i + 1]
  local job = redis.call('HMGET', P .. 'job:' .. id, 'state', 'token', 'cancel_requested_at', 'cancel_message')
  if job[1] == 'running' and job[2] == token then
    renewed[#renewed + 1] = now + ARGV[3]
    renewed[#renewed + 1] = id
    if job[3] then
      local forced = tonumber(redis.call('ZSCORE', P .. 'cancelling', id) or nil) or now
      say(id, token, 'cancel', math.max(0, forced - now), job[4] or '')
    end
  else
    say(id, token, 'lost', 0, '')
  end
end
-- Checks above, writes below.
if entry[1] then redis.call('HSET', key, 'seen_at', now, 'running', ARGV[4], 'state', ARGV[5]) end
-- Lua passes about 8,000 arguments to a command, and a worker may hold more leases.
for i = 1, #renewed, 2000 do
  redis.call('ZADD', P .. 'leases', 'XX', unpack(renewed, i, math.min(#renewed, i + 1999)))
end
-- After the renewal, because the leases of a worker that is back need no protection.
outage_guard.note_reachable(tonumber(ARGV[3]), tonumber(ARGV[6]))
return answer
