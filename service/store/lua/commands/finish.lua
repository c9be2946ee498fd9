#!lua flags=allow-oom
-- Write the ends of a batch of runs. Fenced: only the token of the current lease may end a run, and only once.
-- A cancel that was requested meanwhile wins over every other end. A freeze closes the job's limit key, or its type.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] retention of a dead job at least (ms)
-- ARGV[3..] per run 12 values: id, token, target state, delay_ms, reason, counter to raise, result, error (JSON),
--   attempt record (JSON), milliseconds that the run took, "1" if the job is now a suspect, freeze (ms, 0 = none); "" = absent
-- Returns per run one word: moved | cancelled (instead) | duplicate (this token ended this run before) | stale | missing
-- Uses: job_indexes
-- Uses: groups
-- Uses: freezes
local WIDTH, KEEP = 12, 50
local words, accepted = {}, {}

for i = 3, #ARGV, WIDTH do
  local id, token = ARGV[i], ARGV[i + 1]
  local job = load(id)
  local word = 'moved'
  if not job then
    word = 'missing'
  elseif job.token ~= token then
    word = 'stale'
  elseif job.state ~= 'running' then
    word = 'duplicate'
  end
  words[#words + 1] = word
  if word == 'moved' then accepted[#accepted + 1] = {id, job, i, #words} end
end

-- Checks above, writes below.
for _, entry in ipairs(accepted) do
  local id, job, i = entry[1], entry[2], entry[3]
  local key = P .. 'job:' .. id
  local target, reason, counter = ARGV[i + 2], ARGV[i + 4], ARGV[i + 5]
  local fields = {'run_ms', ARGV[i + 9]}
  local function put(field, value) fields[#fields + 1] = field; fields[#fields + 1] = value end
  if counter ~= '' then redis.call('HINCRBY', key, counter, 1) end
  -- They are counted within one attempt.
  if counter == 'failures' then redis.call('HDEL', key, 'deferrals') end
  if ARGV[i + 7] ~= '' then put('error', ARGV[i + 7]) end
  if ARGV[i + 10] == '1' then put('suspect', 1) end
  if ARGV[i + 8] ~= '' then
    redis.call('RPUSH', key .. ':attempts', ARGV[i + 8])
    redis.call('LTRIM', key .. ':attempts', -KEEP, -1)
  end
  if job.cancel_requested_at then
    target, reason = 'cancelled', redis.call('HGET', key, 'cancel_reason') or 'requested'
    words[entry[4]] = 'cancelled'
  end
  if FINISHED[target] then
    if target == 'succeeded' then
      put('result', ARGV[i + 6])
      if job.error then redis.call('HDEL', key, 'error') end
    end
    finish(id, job, target, reason, tonumber(ARGV[2]), fields)
  else
    local at, frozen_ms = tonumber(job.score), tonumber(ARGV[i + 11])
    if target ~= 'queued' then
      at = now + ARGV[i + 3]
      put('run_at', at)
    end
    if frozen_ms > 0 then freeze(id, job, now + frozen_ms) end
    put('state', target); put('version', job.version + 1)
    redis.call('HSET', key, unpack(fields))
    leave(id, job)
    enter(id, job, target, at)
  end
end
for _, word in ipairs(words) do
  if word == 'stale' then redis.call('HINCRBY', P .. 'counters', 'stale_finishes', 1) end
end
flush()
return words
