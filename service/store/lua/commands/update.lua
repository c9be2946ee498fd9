#!lua flags=allow-oom
-- Change what a client may change of a job that has not finished: priority, time, tags, options.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] job id   ARGV[3] version that it must have   ARGV[4] priority   ARGV[5] run_at
-- ARGV[6] "1" = tags are replaced by ARGV[7] ("key:value" joined by \0)   ARGV[8] options (JSON); "" = unchanged
-- Returns {word, state, version}: moved | illegal | version | missing
-- Uses: job_indexes
-- Uses: groups
local id = ARGV[2]
local job, key = load(id), P .. 'job:' .. id
if not job then return {'missing', '', 0} end
local version, old_tags = unpack(redis.call('HMGET', key, 'version', 'tags'))
if ARGV[3] ~= '' and ARGV[3] ~= version then return {'version', job.state, version} end
local state, run_at = job.state, tonumber(ARGV[5])
if FINISHED[state] or (run_at and state ~= 'scheduled' and state ~= 'retrying' and state ~= 'queued') then
  return {'illegal', state, version}
end
-- Checks above, writes below.
local fields = {'priority', ARGV[4] ~= '' and ARGV[4] or job.priority}
local function put(field, value) fields[#fields + 1] = field; fields[#fields + 1] = value end
job.priority = fields[2]
if ARGV[8] ~= '' then put('options', ARGV[8]) end
if ARGV[6] == '1' then
  for tag in string.gmatch(old_tags or '', '[^%z]+') do append(removed, P .. 'tag:' .. tag, id) end
  for tag in string.gmatch(ARGV[7], '[^%z]+') do append(added, P .. 'tag:' .. tag, job.created_at, id) end
  put('tags', ARGV[7])
end
if run_at or state == 'queued' then
  local queued_at = tonumber(redis.call('HGET', key, 'queued_at') or now)
  leave(id, job)
  if run_at then
    put('run_at', math.max(run_at, now))
    -- A queued job that is given its time keeps its place; one that waited for a later time starts now.
    state = run_at > now and (state == 'retrying' and 'retrying' or 'scheduled') or 'queued'
    if job.state ~= 'queued' then queued_at = now end
  end
  local at = run_at
  if state == 'queued' then
    at = running_order(job.queue, job.priority, queued_at)
    put('queued_at', queued_at); put('score', at)
  end
  put('state', state)
  enter(id, job, state, at)
end
redis.call('HSET', key, unpack(fields))
version = redis.call('HINCRBY', key, 'version', 1)
changed[#changed + 1] = id
flush()
return {'moved', state, version}
