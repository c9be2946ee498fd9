-- What on_conflict "replace" does to the holder of a unique key (docs/adr/0015). A job that never started takes the new
-- payload and time and keeps its id. A job that has started may have had effects under its id: if it waits for its next
-- attempt it is cancelled; if it is running it finishes, and the newest job runs once after it.
-- Uses: keys, clock, batch, jobs, job_indexes, stored_bytes, endings, unique_keys, writer
local P, now

local function begin() P, now = keys.prefix, clock.now end

-- `job` takes the place of a waiting job.
local function take_place(id, job)
  local old, key = jobs.load(id), P .. 'job:' .. id
  local kept = redis.call('HMGET', key, 'version', 'tags', 'not_before')
  job_indexes.leave(id, old)
  if old.expiry then batch.remove(P .. 'expiry', id) end
  for tag in string.gmatch(kept[2] or '', '[^%z]+') do batch.remove(P .. 'tag:' .. tag, id) end
  if old.limit_key then batch.count_limit_key(old, -1) end
  stored_bytes.forget_record(key)
  writer.write()
  redis.call('DEL', key)
  job.submitted, job.id, job.created_at, job.version = job.id, id, old.created_at, (kept[1] or 1) + 1
  job.not_before = tonumber(kept[3] or nil)
end

local function take_over(job)
  -- Makes earlier changes of this batch visible, such as the admission of the holder.
  writer.write()
  local key, following = unique_keys.of(job)
  local holder = redis.call('GET', key)
  local old = holder and jobs.load(holder)
  if not old then return end
  local delivered = old.token
  if tonumber(old.unique_until) and (delivered or jobs.FINISHED[old.state]) then
    job.not_before = now + math.max(0, redis.call('PTTL', key))
  elseif old.state == 'running' or old.state == 'blocked' or old.group then
    local waiting = redis.call('GET', following)
    if waiting then take_place(waiting, job) end
    job.waits = true
  elseif delivered then
    endings.finish(holder, old, 'cancel', 'replaced', 0)
    writer.write()
    local heir = redis.call('GET', key)
    if heir then take_place(heir, job) end
  else
    take_place(holder, job)
  end
end

-- Stores `job` as the holder of the key, or as the job that follows the holder.
local function hold(job)
  local key, following = unique_keys.of(job)
  local window = tonumber(job.unique_until)
  if job.waits then
    redis.call('SET', following, job.id)
  elseif window then
    local ms = window + math.max(0, (job.not_before or now) - now)
    redis.call('SET', key, job.id, 'PX', ms)
    batch.unique_keys[key] = now + ms
  else
    redis.call('SET', key, job.id)
    batch.unique_keys[key] = '+inf'
  end
  if job.submitted then
    redis.call('HSET', P .. 'replacement:' .. job.submitted, 'id', job.id, 'at', now, 'admitted', job.admitted)
    redis.call('PEXPIRE', P .. 'replacement:' .. job.submitted, 60000)
  end
end

return {begin = begin, take_over = take_over, hold = hold}
