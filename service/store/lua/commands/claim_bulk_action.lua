#!lua flags=allow-oom
-- Take a bulk action that is due for a moment: when its taker dies, another one takes it afterwards. A taker that
-- comes too late does no harm (see bulk_portion.lua). Actions past their retention are forgotten on the way.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] ms until another process may take it
-- Returns {id, its fields}, or {"", ms until one is due, -1 = there is none}
-- Uses: keys, clock
local P, now = keys.prefix, clock.now
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'action_retention', '-inf', now, 'LIMIT', 0, 20)) do
  redis.call('UNLINK', P .. 'action:' .. id)
  redis.call('ZREM', P .. 'actions', id)
  redis.call('ZREM', P .. 'action_retention', id)
end
local id, due = keys.head(P .. 'acting')
if not id then return {'', -1} end
if tonumber(due) > now then return {'', due - now} end
redis.call('ZADD', P .. 'acting', now + ARGV[2], id)
return {id, redis.call('HGETALL', P .. 'action:' .. id)}
