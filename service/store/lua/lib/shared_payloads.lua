-- Prelude of requeue and prune: what the payloads of a fan-out's items share is kept for as long as one of them is.
-- Of a job that is forgotten, or has a payload of its own from now on.
local function release_payload(group)
  local key = P .. 'payload:' .. group
  if redis.call('HINCRBY', key, 'jobs', -1) <= 0 then redis.call('UNLINK', key) end
end
