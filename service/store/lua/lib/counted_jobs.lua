-- What a job counts for, in the counters that are stored: `busy` and `dead` by name, the limit keys and the bytes of
-- quotas, the counts of its group, and the references to the common payload of a fan-out.
-- Uses: keys, jobs, lanes, stored_bytes, counted
local P

local function begin() P = keys.prefix end

-- The counters of a job, separated by \30, each a word and a name.
local function names_of(job, shared)
  local names, state = {}, job.state
  if job.limit_key or job.group then
    local live = job.limit_key and not jobs.FINISHED[state]
    if live and counted.on() then names[#names + 1] = 'limit ' .. job.queue .. '|' .. job.limit_key end
    for _, id in ipairs(state == 'running' and lanes.limiters(job) or {}) do
      if string.sub(id, 1, 5) ~= 'type:' then names[#names + 1] = 'busy ' .. id end
    end
  end
  if counted.on() and not jobs.FINISHED[state] then names[#names + 1] = 'quota used_jobs' end
  if state == 'dead' then names[#names + 1] = 'dead ' .. (job.state_reason or '') .. ':' .. job.queue end
  if job.group then
    names[#names + 1] = 'group ' .. job.group .. ' ' .. state
    if job.state_reason == 'requested' and state == 'cancelled' then
      names[#names + 1] = 'group ' .. job.group .. ' requested'
    end
  end
  if shared then names[#names + 1] = 'payload ' .. job.group end
  return table.concat(names, '\30')
end

-- The counters of the job, or group, with this id, and its bytes; nil if there is none.
local function of(id)
  if string.sub(id, 1, 4) ~= 'job_' then
    local bytes = stored_bytes.further(P .. 'group:' .. id)
    if bytes == 0 then return nil end
    return '', bytes
  end
  local job = jobs.read(id)
  if not job.traits then return nil end
  local bytes = counted.on() and stored_bytes.of_job(job.key) or 0
  if not job.state then return '', bytes end
  return names_of(job, job.group and redis.call('HEXISTS', job.key, 'shared') == 1), bytes
end

-- The same for several, as id, counters, bytes, ...; counters are false for what does not exist.
local function list(ids)
  local rows = {}
  for _, id in ipairs(ids) do
    local names, bytes = of(id)
    local count = #rows
    rows[count + 1], rows[count + 2], rows[count + 3] = id, names or false, bytes or 0
  end
  return rows
end

return {begin = begin, list = list}
