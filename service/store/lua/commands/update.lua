#!lua flags=allow-oom
-- Changes what a client may change of an unfinished job: priority, time, tags, options.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] job id   ARGV[3] expected version   ARGV[4] priority   ARGV[5] run_at
-- ARGV[6] "1" = replace the tags by ARGV[7] ("key:value" joined by \0)   ARGV[8] options (JSON); "" = unchanged
-- Returns {word, state, version}: moved | illegal | version | missing
-- Uses: keys, clock, batch, jobs, traits, texts, stored_bytes, queue_settings, consequences
local P, now = keys.prefix, clock.now
local id, key = ARGV[2], P .. 'job:' .. ARGV[2]
local job = jobs.load(id)
if not job then return {'missing', '', 0} end
if ARGV[3] ~= '' and ARGV[3] ~= job.version then return {'version', job.state, job.version} end
local run_at = tonumber(ARGV[5])
local has_time = job.state == 'scheduled' or job.state == 'retrying' or job.state == 'queued'
if jobs.FINISHED[job.state] or (run_at and not has_time) then return {'illegal', job.state, job.version} end
-- Checks above, writes below.
local fields = {}
local function put(field, value)
  fields[#fields + 1] = field
  fields[#fields + 1] = value
end

-- The position of a queued job that has waited since `queued_at`.
local function queued_place(queued_at)
  local at = queue_settings.running_order(job.queue, job.priority, queued_at)
  put('queued_at', queued_at)
  put('score', at)
  return at
end

if ARGV[4] ~= '' then
  jobs.put_traits(job, traits.with(job.traits, 'priority', ARGV[4]))
  put('traits', job.traits.text)
end
if ARGV[8] ~= '' then
  texts.drop(key, 'options')
  texts.put(fields, 'options', ARGV[8])
end
if ARGV[6] == '1' then
  local tags = redis.call('HGET', key, 'tags') or ''
  batch.stored = batch.stored + stored_bytes.of_tags(ARGV[7]) - stored_bytes.of_tags(tags)
  for tag in string.gmatch(tags, '[^%z]+') do batch.remove(P .. 'tag:' .. tag, id) end
  for tag in string.gmatch(ARGV[7], '[^%z]+') do batch.add(P .. 'tag:' .. tag, job.created_at, id) end
  put('tags', ARGV[7])
end
if run_at then put('run_at', math.max(run_at, now)) end
local later = run_at and run_at > now
if later and job.state == 'queued' then
  jobs.move(id, job, 'reschedule', run_at, fields)
elseif later then
  jobs.reorder(id, job, run_at, fields)
elseif job.state == 'queued' then
  -- A queued job keeps its place, even if run_at has passed.
  jobs.reorder(id, job, queued_place(jobs.queued_at(redis.call('HGET', key, 'queued_at'), job.created_at)), fields)
elseif run_at then
  jobs.move(id, job, 'run_now', queued_place(now), fields)
else
  jobs.change(id, job, fields)
end
consequences.flush()
return {'moved', job.state, job.version}
