#!lua flags=allow-oom
-- Queue (or schedule) jobs that nobody runs: redrive and run-now. Guarded by the states that the move permits.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] permitted states, each between spaces   ARGV[3] delay (ms)   ARGV[4] "1" = a new run: counters and time limits begin anew
-- ARGV[5] new payload   ARGV[6] new queue   "" = unchanged
-- ARGV[7] the portion of a bulk action that this is (see acting.lua), "" = none   ARGV[8] queues of the namespace at most   ARGV[9..] job ids
-- Returns per job {word, state, version, holder}: moved | illegal | missing | conflict (the holder has its unique key) | too_many_queues;
--   nothing when somebody else has done the portion
-- Uses: index
-- Uses: groups
-- Uses: time_limits
-- Uses: names
-- Uses: acting
-- Uses: payloads
local answers, delay, fresh, left, portion = {}, tonumber(ARGV[3]), ARGV[4] == '1', {}, acting(ARGV[7])
if portion.stale() then return {} end
for i = 9, #ARGV do
  local id = ARGV[i]
  local job, key = load(id), P .. 'job:' .. id
  local word, state, holder = 'moved', job and job.state, nil
  local queue = ARGV[6] ~= '' and ARGV[6] or job and job.queue
  local key_held = fresh and job and job.unique and not tonumber(job.unique_until) and unique_keys({queue = queue, unique = job.unique, unique_until = job.unique_until})
  if not job then
    word, state = 'missing', ''
  elseif not string.find(ARGV[2], ' ' .. state .. ' ', 1, true) or portion.spares(id, job) then
    word = 'illegal'
  elseif key_held and (redis.call('GET', key_held) or id) ~= id then
    word, holder = 'conflict', redis.call('GET', key_held)
  elseif not may_name(queue, tonumber(ARGV[8])) then
    word = 'too_many_queues'
  else
    if key_held then redis.call('SET', key_held, id) end
    leave(id, job)
    local fields = {'run_at', now + delay}
    local function put(field, value) fields[#fields + 1] = field; fields[#fields + 1] = value end
    if ARGV[5] ~= '' then
      put('payload', ARGV[5]); put('payload_replaced', 1)
      if job.group and redis.call('HDEL', key, 'shared') == 1 then release_payload(job.group) end
    end
    if ARGV[6] ~= '' then
      left[job.queue] = true
      job.queue = ARGV[6]
      put('queue', job.queue)
      create_name(job.queue)
    end
    if fresh then
      put('failures', 0); put('crashes', 0)
      redis.call('HINCRBY', key, 'redriven', 1)
      redis.call('HDEL', key, 'state_reason', 'error', 'result', 'progress', 'finished_at', 'started_at', 'worker_id', 'token', 'suspect', 'losses',
        'cancel_requested_at', 'cancel_reason', 'cancel_message', 'expires_at', 'deadline_at', 'expiry', 'deferrals')
      job.cancel_requested_at = nil
      renew_time_limits(id, put, now + delay)
      if job.group and job.linked and redis.call('HEXISTS', P .. 'group:' .. job.group, 'state') == 1 then
        -- Jobs that were cancelled because they waited for this one get another chance, too.
        redis.call('HSET', P .. 'group:' .. job.group, 'reviving', 1)
        redis.call('HINCRBY', P .. 'group:' .. job.group, 'run', 1)
        task('revive ' .. job.group .. ' ' .. id)
      end
    end
    state = delay > 0 and 'scheduled' or 'queued'
    local at = now + delay
    if state == 'queued' then
      at = running_order(job.queue, job.priority, now)
      put('queued_at', now); put('score', at)
    end
    put('state', state)
    redis.call('HSET', key, unpack(fields))
    redis.call('HINCRBY', key, 'version', 1)
    enter(id, job, state, at)
  end
  answers[#answers + 1] = {word, state, redis.call('HGET', key, 'version') or 0, holder}
  portion.note(word)
end
portion.advance()
flush()
forget_unused(left)
return answers
