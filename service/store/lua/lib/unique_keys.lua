-- Prelude of job_indexes.lua: giving up a unique key (ADR 0015).
-- The key's holder, the job that runs once after it, and how long a key "result <ms>" is held after the end of its job.
-- Names of queues may hold a colon, keys no bar. A key that is held after the end is arq's id of a job, which is one of
-- the namespace and not of a queue: no queue has an empty name.
local function unique_keys(job)
  local held = tonumber(string.match(job.unique_until or job.until_ or '', '^result (%d+)$'))
  local name = (held and '' or job.queue) .. '|' .. job.unique
  return P .. 'unique:' .. name, P .. 'follower:' .. name, held
end

-- Gives up the key or the place behind its holder; whoever waits there takes over. A window of time is over when it is
-- over, whatever became of the job, unless the job is forgotten.
local function release_unique(id, job, forgotten)
  if not job.unique then return end
  local key, following, held = unique_keys(job)
  local heir = redis.call('GET', following)
  if heir == id then redis.call('DEL', following) end
  if redis.call('GET', key) ~= id or (tonumber(job.unique_until) and not forgotten) then return end
  if held and held > 0 and not forgotten then
    redis.call('PEXPIRE', key, held)
    return
  end
  redis.call('DEL', key, following)
  if not heir or heir == id then return end
  -- The heir may move again in this call, as another of its jobs.
  heads, heads_hold = {}, false
  write()
  local next_job, due = load(heir), tonumber(redis.call('HGET', P .. 'job:' .. heir, 'run_at') or nil)
  if not next_job or next_job.state ~= 'blocked' then return end
  local state, at = 'scheduled', due
  if due <= now then
    state, at = 'queued', running_order(next_job.queue, next_job.priority, now)
    redis.call('HSET', P .. 'job:' .. heir, 'queued_at', now, 'score', at)
  end
  redis.call('HSET', P .. 'job:' .. heir, 'state', state)
  redis.call('HINCRBY', P .. 'job:' .. heir, 'version', 1)
  redis.call('SET', key, heir)
  if tonumber(next_job.unique_until) then redis.call('PEXPIRE', key, next_job.unique_until) end
  leave(heir, next_job)
  enter(heir, next_job, state, at)
  write()
end
