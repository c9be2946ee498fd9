-- Unique keys (ADR 0015): which they are, and giving one up.
-- Loaded when it is first used.
-- Uses: keys, clock, batch, jobs, queue_settings, writer
local P, now = keys.prefix, clock.now

-- The key's holder, the job that runs once after it, and how long a key "result <ms>" is held after the end of its
-- job. Names of queues may hold a colon, keys no bar. A key that is held after the end is arq's id of a job, which is
-- one of the namespace and not of a queue: no queue has an empty name.
local function of(job)
  local held = tonumber(string.match(job.unique_until or '', '^result (%d+)$'))
  local name = (held and '' or job.queue) .. '|' .. job.unique
  return P .. 'unique:' .. name, P .. 'follower:' .. name, held
end

-- The job that waited behind a key's holder holds it from now on.
local function hand_over(key, heir)
  -- What this call has noted so far may concern the same lanes, and what a claim knows of them is no longer true.
  batch.heads, batch.heads_hold = {}, false
  writer.write()
  local job, due = jobs.load(heir), tonumber(redis.call('HGET', P .. 'job:' .. heir, 'run_at') or nil)
  if not job or job.state ~= 'blocked' then return end
  redis.call('SET', key, heir)
  if tonumber(job.unique_until) then redis.call('PEXPIRE', key, job.unique_until) end
  if due > now then
    jobs.move(heir, job, 'postpone', due)
  else
    local at = queue_settings.running_order(job.queue, job.priority, now)
    jobs.move(heir, job, 'release', at, {'queued_at', now, 'score', at})
  end
  -- The heir may move again in this call, as another of its jobs.
  writer.write()
end

-- Of a job with a unique key: gives up the key or the place behind its holder; the job that waits there takes over. A
-- window of time is over when it is over, whatever became of the job, unless the job is forgotten.
local function release(id, job, forgotten)
  local key, following, held = of(job)
  local heir = redis.call('GET', following)
  if heir == id then redis.call('DEL', following) end
  if redis.call('GET', key) ~= id or (tonumber(job.unique_until) and not forgotten) then return end
  if held and held > 0 and not forgotten then
    redis.call('PEXPIRE', key, held)
    return
  end
  redis.call('DEL', key, following)
  if heir and heir ~= id then hand_over(key, heir) end
end

return {of = of, release = release}
