#!lua flags=allow-oom
-- Records the results of a batch of runs. Fenced: only the token of the current lease may finish a run, and only once.
-- A requested cancel wins over any other result. A freeze closes the job's limit key, or its type.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] shortest retention of a dead job (ms)
-- ARGV[3..] per run: id, token, the job's traits and created_at, move, result (JSON), then a number of further values,
--   each a name and a value. From the lease: unique, unique_until, expiry, linked, callback, error
--   ("1" = the job had one). About the run: delay_ms, reason, counter (to increase), error_now (JSON), attempt (its
--   record, JSON), death (unsuccessful_ends.lua), suspect ("1" = the job is one now), freeze_ms
-- Returns per run one word: moved | cancelled (instead) | duplicate (this token finished this run before) | stale |
--   missing. Fewer words than runs: the caller sends the others again (allowance.lua)
-- Uses: keys, clock, jobs, texts, stored_bytes, endings, freezes, allowance, consequences
local P, now, push = keys.prefix, clock.now, texts.push
-- What a named value of a run costs (allowance.lua).
local VALUE = 12
-- Per run: its job, where its values begin in ARGV, its named values if it has any, and its word.
local accepted, begins, named, words = {}, {}, {}, {}
local NONE = {}

local function word_for(job, token)
  if not job then return 'missing' end
  if job.token ~= token then return 'stale' end
  return job.state == 'running' and 'moved' or 'duplicate'
end

-- Reads the n-th run, whose values begin at ARGV[i]; returns the index behind them.
local function read(n, i)
  local job, count = jobs.held(ARGV[i], ARGV[i + 2], ARGV[i + 3]), ARGV[i + 6]
  accepted[n], begins[n], words[n] = job or false, i, word_for(job, ARGV[i + 1])
  if count == '0' then
    if job then allowance.spend_end(job) end
    return i + 7
  end
  local last, run = i + 6 + 2 * count, {}
  for j = i + 7, last, 2 do run[ARGV[j]] = ARGV[j + 1] end
  named[n] = run
  if job then
    job.unique, job.unique_until, job.expiry = run.unique, run.unique_until, run.expiry
    job.linked, job.error = run.linked, run.error
    job.callback = run.callback
    allowance.spend_end(job, VALUE * count)
  end
  return last + 1
end

-- The position of a job that will run again, in the order of its new state.
local function place_again(id, job, run, target, fields)
  if run.freeze_ms then freezes.freeze(id, job, now + run.freeze_ms) end
  if target == 'queued' then return tonumber(redis.call('HGET', job.key, 'score')) end
  local at = now + (run.delay_ms or 0)
  push(fields, 'run_at', at)
  return at
end

-- Writes what a run leaves behind that did not return a result.
local function note_failure(run, key, fields)
  if run.counter then redis.call('HINCRBY', key, run.counter, 1) end
  -- Deferrals count within one attempt.
  if run.counter == 'failures' then redis.call('HDEL', key, 'deferrals') end
  if run.error_now then
    if run.error then texts.drop(key, 'error') end
    texts.put(fields, 'error', run.error_now)
  end
  if run.suspect then push(fields, 'suspect', 1) end
  if run.attempt then
    stored_bytes.append(key, 'attempts', run.attempt)
  end
end

-- Finishes a run whose values begin at ARGV[i]; returns its word.
local function end_run(job, i, run)
  local id, token, move, reason = ARGV[i], ARGV[i + 1], ARGV[i + 4], run.reason or ''
  -- The nils reserve space for later fields.
  local word, fields = 'moved', {nil, nil, nil, nil}
  if move ~= 'complete' then note_failure(run, job.key, fields) end
  if job.cancel_requested_at then
    move, reason, word = 'stop', redis.call('HGET', job.key, 'cancel_reason') or 'requested', 'cancelled'
  end
  local target = jobs.permits(job, move, token)
  if not jobs.FINISHED[target] then
    jobs.move(id, job, move, place_again(id, job, run, target, fields), fields, token)
    return word
  end
  if move == 'complete' then
    if job.error then texts.drop(job.key, 'error') end
    texts.put(fields, 'result', ARGV[i + 5])
  else
    job.death = run.death
  end
  endings.finish(id, job, move, reason, tonumber(ARGV[2]), fields, token)
  return word
end

local at = 3
while at <= #ARGV and not allowance.is_spent() do at = read(#words + 1, at) end
-- Checks above, writes below.
for n, word in ipairs(words) do
  if word == 'moved' then words[n] = end_run(accepted[n], begins[n], named[n] or NONE) end
  if word == 'stale' then redis.call('HINCRBY', P .. 'counters', 'stale_finishes', 1) end
end
consequences.flush()
return words
