-- Freezes: limiters that a rate-limited job closed.
-- Uses: keys, clock, batch, lanes
local P, now
-- Longer than any freeze, so nothing remains of a queue that is no longer used.
local KEPT = 7200000

local function begin() P, now = keys.prefix, clock.now end

-- Until `at`, no job starts with this job's limit key, or of its type if it has no limit key. The freezes of a queue
-- are stored with the job that caused each, apart from `closed_limiters`: operators can see them, and only thawing ends
-- them early.
local function freeze(id, job, at)
  local short = job.limit_key and 'key:' .. job.limit_key or 'type:' .. job.name
  local limiter = job.limit_key and 'key:' .. job.queue .. '|' .. job.limit_key or lanes.type_limiter(job)
  local list, by = keys.queue(job.queue, 'frozen'), keys.queue(job.queue, 'frozen_by')
  for _, over in ipairs(redis.call('ZRANGEBYSCORE', list, '-inf', now, 'LIMIT', 0, 100)) do
    redis.call('ZREM', list, over)
    redis.call('HDEL', by, over)
  end
  local frozen = tonumber(redis.call('ZSCORE', list, short) or nil)
  if not frozen or frozen < at then
    redis.call('ZADD', list, at, short)
    redis.call('HSET', by, short, id)
    redis.call('PEXPIRE', list, KEPT)
    redis.call('PEXPIRE', by, KEPT)
  end
  if not job.limit_key then
    -- A claim closes lanes with keys when it meets them, but not this one.
    local plain = lanes.of(job.queue, job.name, '')
    batch.lanes[lanes.key(plain)] = plain
  end
  local before = tonumber(redis.call('ZSCORE', P .. 'closed_limiters', limiter) or nil)
  if not before or before == math.huge or before < at then
    batch.closing[limiter] = math.max(at, batch.closing[limiter] or at)
  end
end

return {begin = begin, freeze = freeze}
