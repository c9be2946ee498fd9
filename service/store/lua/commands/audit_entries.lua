#!lua flags=allow-oom
-- Checks entries of a sorted set of job ids: each belongs to a job that should be there.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] "1" = repair   ARGV[3] the key, without the prefix   ARGV[4..] ids
-- Returns findings (audit_jobs.lua)
-- Uses: keys, batch, lanes, job_places, group_audit, record_audit, audit_findings
-- Uses: consequences
local key = keys.prefix .. ARGV[3]
local queue, name, lane = string.match(ARGV[3], '^queue:([^|]*)|lane:([^|]*)|(.*)$')
audit_findings.start(ARGV[2])
-- The name of a lane says whether its fan-out has a limit.
local fan_out = lane and string.match(lane, '|(.+)$')
if fan_out then group_audit.check(fan_out) end

local function remove(id)
  return function()
    redis.call('ZREM', key, id)
    if not queue then return end
    local of_lane = lanes.of(queue, name, lane)
    batch.lanes[lanes.key(of_lane)] = of_lane
  end
end

for i = 4, #ARGV do
  local id = ARGV[i]
  local job = redis.call('ZSCORE', key, id) and job_places.read(id)
  if job and not job.state then
    -- A record that cannot be read may still be a job.
    if redis.call('EXISTS', keys.prefix .. 'job:' .. id) == 0 then
      audit_findings.note('dangling_entry', key, id, 'the job does not exist', remove(id))
    end
  elseif job and job_places.is_readable(job) and not job_places.may_be_in(key, id, job) then
    audit_findings.note('extra_entry', key, id, 'the job is ' .. job.state .. ' in ' .. job.queue, remove(id))
  end
end
local cause = string.match(ARGV[3], '^dead_group:(.*):jobs$')
if cause then record_audit.check_cause(cause) end
consequences.flush()
return audit_findings.all()
