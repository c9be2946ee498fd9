#!lua flags=allow-oom
-- Cancel live jobs: those that wait are cancelled now, those that run are asked, and forced after the grace.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] grace (ms)   ARGV[3] reason   ARGV[4] "1" = only jobs that have never started
-- ARGV[5] the portion of a bulk action that this is (see bulk_portion.lua), "" = none
-- ARGV[6] what the requester says about it, "" = nothing: the first who says something is kept   ARGV[7..] job ids
-- Asked again, the earlier of the two ends of the grace holds.
-- Returns per job {word, state, version}: moved | requested | illegal (it has finished, or started) | missing; nothing when somebody
--   else has done the portion
-- Uses: job_indexes
-- Uses: groups
-- Uses: bulk_portion
local answers, portion, message = {}, acting(ARGV[5]), ARGV[6]
if portion.stale() then return {} end
for i = 7, #ARGV do
  local id = ARGV[i]
  local job, key = load(id), P .. 'job:' .. id
  local word, state = 'moved', job and job.state
  if not job then
    word, state = 'missing', ''
  elseif FINISHED[state] or (ARGV[4] == '1' and redis.call('HEXISTS', key, 'started_at') == 1) or portion.spares(id, job) then
    word = 'illegal'
  elseif state == 'running' then
    word = 'requested'
    local forced, before = now + ARGV[2], tonumber(redis.call('ZSCORE', P .. 'cancelling', id) or nil)
    local first = not job.cancel_requested_at
    if first then redis.call('HSET', key, 'cancel_requested_at', now, 'cancel_reason', ARGV[3]) end
    local said = message ~= '' and redis.call('HSETNX', key, 'cancel_message', message) == 1
    if first or said then
      redis.call('HINCRBY', key, 'version', 1)
      changed[#changed + 1] = id
    end
    if first or (before and forced < before) then
      append(added, P .. 'cancelling', forced, id)
      redis.call('ZADD', P .. 'worker:' .. job.worker_id .. ':inbox', 0, '1')
      redis.call('PEXPIRE', P .. 'worker:' .. job.worker_id .. ':inbox', 60000)
    end
  else
    local fields = message ~= '' and {'cancel_message', message} or {}
    if job.parked_by then fields[#fields + 1] = 'children_grace_ms'; fields[#fields + 1] = ARGV[2] end
    finish(id, job, 'cancelled', ARGV[3], 0, fields)
    state = 'cancelled'
  end
  answers[#answers + 1] = {word, state, redis.call('HGET', key, 'version') or 0}
  portion.note(word)
end
portion.advance()
flush()
return answers
