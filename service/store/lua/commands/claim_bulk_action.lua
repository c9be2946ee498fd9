#!lua flags=allow-oom
-- Claims a bulk action that is due, for a short time: if the process dies, another one claims it afterwards. A process
-- that is too late does no harm (bulk_portion.lua). Also deletes actions past their retention.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] ms until another process may claim it
-- Returns {id, its fields}, or {"", ms until one is due, -1 = there is none}
-- Uses: keys, clock
local P, now = keys.prefix, clock.now
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'action_retention', '-inf', now, 'LIMIT', 0, 20)) do
  redis.call('UNLINK', P .. 'action:' .. id)
  redis.call('ZREM', P .. 'actions', id)
  redis.call('ZREM', P .. 'action_retention', id)
end
local id, due = keys.head(P .. 'running_actions')
if not id then return {'', -1} end
if tonumber(due) > now then return {'', due - now} end
redis.call('ZADD', P .. 'running_actions', now + ARGV[2], id)
return {id, redis.call('HGETALL', P .. 'action:' .. id)}
