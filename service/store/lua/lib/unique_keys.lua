-- Unique keys (docs/adr/0015): their names, and releasing them.
-- Uses: keys, clock, batch, jobs, queue_settings, writer
local P, now

local function begin() P, now = keys.prefix, clock.now end

-- The key that names the holder, the key that names the job to run once after it, and how long a "result <ms>" key is
-- held after its job. Names of queues may contain a colon, keys no bar. A "result" key is the id of an arq job, which
-- belongs to the namespace and not to a queue; no queue has an empty name.
local function of(job)
  local held = tonumber(string.match(job.unique_until or '', '^result (%d+)$'))
  local name = (held and '' or job.queue) .. '|' .. job.unique
  return P .. 'unique:' .. name, P .. 'follower:' .. name, held
end

-- Makes the job that waited for the key its holder.
local function hand_over(key, heir)
  -- Earlier changes of this call may affect the same lanes, and what a claim knows of lanes is no longer true.
  batch.heads, batch.heads_hold = {}, false
  writer.write()
  local job = jobs.load(heir)
  if not job or job.state ~= 'blocked' then return end
  local due = tonumber(redis.call('HGET', P .. 'job:' .. heir, 'run_at'))
  redis.call('SET', key, heir)
  batch.unique_keys[key] = '+inf'
  if tonumber(job.unique_until) then
    redis.call('PEXPIRE', key, job.unique_until)
    batch.unique_keys[key] = now + job.unique_until
  end
  if due > now then
    jobs.move(heir, job, 'postpone', due)
  else
    local at = queue_settings.running_order(job.queue, job.priority, now)
    jobs.move(heir, job, 'release', at, {'queued_at', now})
  end
  -- The heir may move again in this call, as one of its other jobs.
  writer.write()
end

-- Releases a job's unique key, or its place behind the holder; the job that waits there becomes the holder. A key with
-- a time window is held until the window ends, whatever happens to the job, unless the job is deleted.
local function release(id, job, forgotten)
  local key, following, held = of(job)
  local heir = redis.call('GET', following)
  if heir == id then redis.call('DEL', following) end
  if redis.call('GET', key) ~= id or (tonumber(job.unique_until) and not forgotten) then return end
  if held and held > 0 and not forgotten then
    redis.call('PEXPIRE', key, held)
    batch.unique_keys[key] = now + held
    return
  end
  redis.call('DEL', key, following)
  batch.unique_keys[key] = false
  if heir and heir ~= id then hand_over(key, heir) end
end

return {begin = begin, of = of, release = release, hand_over = hand_over}
