-- The common part of the payloads of a fan-out's items, kept as long as any item refers to it.
-- Uses: keys
local P, read

local function begin() P, read = keys.prefix, {} end

local function add(group, json, count)
  redis.call('HSETNX', P .. 'payload:' .. group, 'json', json)
  redis.call('HINCRBY', P .. 'payload:' .. group, 'jobs', count)
end

-- For a job that is deleted, or whose payload was replaced.
local function release(group)
  local key = P .. 'payload:' .. group
  if redis.call('HINCRBY', key, 'jobs', -1) <= 0 then redis.call('UNLINK', key) end
end

-- The common part for a job with `shared`; the worker merges the job's payload into it.
local function of(job)
  local group = job.group
  if not read[group] then read[group] = redis.call('HGET', P .. 'payload:' .. group, 'json') or '' end
  return read[group]
end

return {begin = begin, add = add, release = release, of = of}
