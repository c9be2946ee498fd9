-- Compares unique keys with the jobs that hold them, or follow the holder.
-- Uses: keys, clock, jobs, counted, unique_keys, audit_findings
local P
local note = audit_findings.note

local function begin() P = keys.prefix end

-- A key without an end is listed as such for quotas.
local function list(key, at)
  if counted.on() then redis.call('ZADD', P .. 'unique_names', at, string.sub(key, #P + 8)) end
end

-- A job that is blocked by nothing but the holder of its key.
local function waits_behind(id, job)
  return job.state == 'blocked' and redis.call('EXISTS', P .. 'job:' .. id .. ':dependencies') == 0
end

-- An unfinished job holds its key, or follows the holder. A key with a time window may have ended, one that is held
-- until the start is gone once the job has run, and retries of groups take no keys.
local function check(id, job)
  if jobs.FINISHED[job.state] or tonumber(job.unique_until) or job.group then return end
  if job.unique_until == 'started' and job.token then return end
  local key, following = unique_keys.of(job)
  local holder = redis.call('GET', key)
  if holder == id or (job.state == 'blocked' and redis.call('GET', following) == id) then return end
  if not holder or redis.call('EXISTS', P .. 'job:' .. holder) == 0 then
    note('unique_key', key, id, 'the job has lost its unique key', function()
      redis.call('SET', key, id)
      list(key, '+inf')
    end)
  elseif waits_behind(id, job) and redis.call('EXISTS', following) == 0 then
    note('unique_key', following, id, 'the job that follows the holder is not known',
      function() redis.call('SET', following, id) end)
  else
    note('unique_key', key, id, 'the unique key belongs to ' .. holder .. ' as well')
  end
end

-- unique:<name>: its holder exists, and is unfinished unless the key expires.
local function check_key(name)
  local key = P .. 'unique:' .. name
  local holder = redis.call('GET', key)
  if not holder then return end
  local ttl, job = redis.call('PTTL', key), jobs.load(holder)
  if job and (ttl >= 0 or not jobs.FINISHED[job.state]) then
    if not counted.on() or redis.call('ZSCORE', P .. 'unique_names', name) then return end
    local function add() list(key, ttl >= 0 and clock.now + ttl or '+inf') end
    -- New quotas do not know what was there before.
    if redis.call('HEXISTS', P .. 'quotas', 'uncounted') == 1 then return audit_findings.complete(add) end
    return note('missing_entry', P .. 'unique_names', holder, name .. ' is held', add)
  end
  local detail = job and 'its holder has finished' or 'its holder does not exist'
  if job and not (job.unique and unique_keys.of(job) == key) then return note('unique_key', key, holder, detail) end
  note('unique_key', key, holder, detail, function()
    if job then return unique_keys.release(holder, job, true) end
    redis.call('DEL', key)
    if counted.on() then redis.call('ZREM', P .. 'unique_names', name) end
    local heir = redis.call('GET', P .. 'follower:' .. name)
    if not heir then return end
    redis.call('DEL', P .. 'follower:' .. name)
    unique_keys.hand_over(key, heir)
  end)
end

-- follower:<name>: a blocked job, which the holder of the key releases.
local function check_follower(name)
  local key, of_holder = P .. 'follower:' .. name, P .. 'unique:' .. name
  local id = redis.call('GET', key)
  if not id then return end
  local job = jobs.load(id)
  if not job or job.state ~= 'blocked' then
    note('unique_key', key, id, 'the job that follows does not wait', function() redis.call('DEL', key) end)
  elseif redis.call('EXISTS', of_holder) == 0 then
    note('unique_key', key, id, 'the job follows a holder that is gone', function()
      redis.call('DEL', key)
      unique_keys.hand_over(of_holder, id)
    end)
  end
end

-- An entry of unique_names whose key is gone.
local function check_name(name)
  local at = redis.call('ZSCORE', P .. 'unique_names', name)
  if not at or redis.call('EXISTS', P .. 'unique:' .. name) == 1 or at ~= 'inf' then return end
  note('dangling_entry', P .. 'unique_names', '', name .. ' is held by no job',
    audit_findings.remove(P .. 'unique_names', name))
end

return {
  begin = begin, check = check, check_key = check_key, check_follower = check_follower, check_name = check_name,
}
