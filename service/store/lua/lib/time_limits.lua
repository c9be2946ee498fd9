-- How long a job may take to start and to finish, from its creation or the beginning of a new run. The durations stay
-- in the job, and apply to each new run again.
-- Uses: keys, batch
local P

local function begin() P = keys.prefix end

local function put_one(fields, name, ms, from)
  local count = #fields
  fields[count + 1], fields[count + 2] = name .. '_ms', ms
  fields[count + 3], fields[count + 4] = name .. '_at', from + ms
  return from + ms
end

-- Adds a job's limits to the fields to write; returns the earliest one, or nil.
local function put(fields, expires_ms, deadline_ms, from)
  local expires_at = expires_ms and put_one(fields, 'expires', expires_ms, from)
  local deadline_at = deadline_ms and put_one(fields, 'deadline', deadline_ms, from)
  return expires_at and deadline_at and math.min(expires_at, deadline_at) or expires_at or deadline_at
end

-- Makes expire_jobs.lua check the job at that time.
local function watch(id, fields, first)
  fields[#fields + 1] = 'expiry'
  fields[#fields + 1] = 1
  batch.add(P .. 'expiry', first, id)
end

-- For a new run that begins at `from`.
local function renew(id, fields, from)
  local limits = redis.call('HMGET', P .. 'job:' .. id, 'expires_ms', 'deadline_ms')
  local first = put(fields, limits[1], limits[2], from)
  if first then watch(id, fields, first) end
end

return {begin = begin, put = put, watch = watch, renew = renew}
