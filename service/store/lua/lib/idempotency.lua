-- Prelude of submit.lua: what a submission that came before was answered. duplicate: this id was admitted, replayed: so
-- was this request under its idempotency key, reused: another request was; replaced: this id was taken over by a
-- waiting job. The second value is the job of this very batch that decides the rest of the answer.
local function answered(job, batch)
  local before = redis.call('HMGET', P .. 'job:' .. job.id, 'created_at', 'options', 'admitted')
  if before[1] then return {'duplicate', job.id, before[1], before[2], before[3] or nil} end
  if job.conflict == 'replace' then
    local taken = redis.call('HMGET', P .. 'taken:' .. job.id, 'id', 'at', 'admitted')
    if taken[1] then return {'replaced', taken[1], taken[2], job.options, taken[3]} end
  end
  if job.digest then
    local known = batch['i' .. job.digest] or redis.call('HMGET', P .. 'idempotency:' .. job.digest, 'request', 'id', 'at', 'options', 'admitted')
    if known[1] then
      local word = known[1] == job.request and 'replayed' or 'reused'
      return {word, known[2], known[3], known[4], known[5] or nil}, known.job
    end
  end
end

local function record(job, keep_ms)
  local key = P .. 'idempotency:' .. job.digest
  redis.call('HSET', key, 'request', job.request, 'id', job.id, 'at', now, 'options', job.options)
  if job.wish then redis.call('HSET', key, 'wish', job.wish) end
  if job.admitted then redis.call('HSET', key, 'admitted', job.admitted) end
  redis.call('PEXPIRE', key, keep_ms)
end
