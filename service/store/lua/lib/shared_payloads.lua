-- What the payloads of a fan-out's items share is kept for as long as one of them is.
-- Loaded when it is first used.
-- Uses: keys
local P = keys.prefix

local function add(group, json, count)
  redis.call('HSETNX', P .. 'payload:' .. group, 'json', json)
  redis.call('HINCRBY', P .. 'payload:' .. group, 'jobs', count)
end

-- Of a job that is forgotten, or has a payload of its own from now on.
local function release(group)
  local key = P .. 'payload:' .. group
  if redis.call('HINCRBY', key, 'jobs', -1) <= 0 then redis.call('UNLINK', key) end
end

-- What a job with `shared` shares with others: the worker lays the job's own payload over it.
local function of(job) return redis.call('HGET', P .. 'payload:' .. job.group, 'json') or '' end

return {add = add, release = release, of = of}
