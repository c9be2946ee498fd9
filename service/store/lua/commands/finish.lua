#!lua flags=allow-oom
-- Records the results of a batch of runs. Fenced: only the token of the current lease may finish a run, and only once.
-- A requested cancel wins over any other result. A freeze closes the job's limit key, or its type.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] shortest retention of a dead job (ms)
-- ARGV[3..] per run 12 values: id, token, move, delay_ms, reason, counter to increase, result, error (JSON), attempt
--   record (JSON), duration of the run (ms), "1" if the job is now a suspect, freeze (ms, 0 = none); "" = absent
-- Returns per run one word: moved | cancelled (instead) | duplicate (this token finished this run before) | stale |
--   missing
-- Uses: keys, clock, moves, jobs, endings, freezes, consequences
local P, now = keys.prefix, clock.now
local WIDTH, ATTEMPTS_KEPT = 12, 50
local words, accepted = {}, {}

local function word_for(job, token)
  if not job then return 'missing' end
  if job.token ~= token then return 'stale' end
  return job.state == 'running' and 'moved' or 'duplicate'
end

for i = 3, #ARGV, WIDTH do
  local job = jobs.load(ARGV[i])
  local word = word_for(job, ARGV[i + 1])
  words[#words + 1] = word
  accepted[#words] = word == 'moved' and job
end

local function push(fields, field, value)
  local count = #fields
  fields[count + 1], fields[count + 2] = field, value
end

-- The position of a job that will run again, in the order of its new state.
local function place_again(job, i, target, fields)
  local frozen_ms = tonumber(ARGV[i + 11])
  if frozen_ms > 0 then freezes.freeze(ARGV[i], job, now + frozen_ms) end
  if target == 'queued' then return tonumber(job.score) end
  local at = now + ARGV[i + 3]
  push(fields, 'run_at', at)
  return at
end

-- Finishes the run whose values begin at ARGV[i]; returns its word.
local function end_run(job, i)
  local id, token, move, reason, counter = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 4], ARGV[i + 5]
  local key, word, error, attempt = P .. 'job:' .. id, 'moved', ARGV[i + 7], ARGV[i + 8]
  -- The nils reserve space for later fields.
  local fields = {'run_ms', ARGV[i + 9], nil, nil, nil, nil, nil, nil}
  if counter ~= '' then redis.call('HINCRBY', key, counter, 1) end
  -- Deferrals count within one attempt.
  if counter == 'failures' then redis.call('HDEL', key, 'deferrals') end
  if error ~= '' then push(fields, 'error', error) end
  if ARGV[i + 10] == '1' then push(fields, 'suspect', 1) end
  if attempt ~= '' then
    redis.call('RPUSH', key .. ':attempts', attempt)
    redis.call('LTRIM', key .. ':attempts', -ATTEMPTS_KEPT, -1)
  end
  if job.cancel_requested_at then
    move, reason, word = 'stop', redis.call('HGET', key, 'cancel_reason') or 'requested', 'cancelled'
  end
  local _, target = moves.arrow(move)
  if not jobs.FINISHED[target] then
    jobs.move(id, job, move, place_again(job, i, target, fields), fields, token)
    return word
  end
  if move == 'complete' then
    push(fields, 'result', ARGV[i + 6])
    if job.error then redis.call('HDEL', key, 'error') end
  end
  endings.finish(id, job, move, reason, tonumber(ARGV[2]), fields, token)
  return word
end

-- Checks above, writes below.
for n, job in ipairs(accepted) do
  if job then words[n] = end_run(job, 3 + (n - 1) * WIDTH) end
end
for _, word in ipairs(words) do
  if word == 'stale' then redis.call('HINCRBY', P .. 'counters', 'stale_finishes', 1) end
end
consequences.flush()
return words
