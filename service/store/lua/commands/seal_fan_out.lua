#!lua flags=allow-oom
-- Close a fan-out to new items, if it has taken exactly the first `expected` ones; an empty one ends at once.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] group id   ARGV[3] items expected
-- Returns {word, items in all, first missing index}: moved (now or before) | mismatch | missing
-- Uses: job_indexes
-- Uses: groups
local id, key, expected = ARGV[2], P .. 'group:' .. ARGV[2], tonumber(ARGV[3])
local group = redis.call('HMGET', key, 'state', 'sealed', 'total', 'highest')
if not group[1] then return {'missing', 0, 0} end
local answer = {'moved', group[3], redis.call('BITPOS', key .. ':items', 0)}
if tonumber(group[3]) ~= expected or (not group[2] and tonumber(group[4]) + 1 ~= expected) then answer[1] = 'mismatch' end
if answer[1] == 'mismatch' or group[2] then return answer end
-- Checks above, writes below.
redis.call('HSET', key, 'sealed', 1, 'state', 'running')
redis.call('HINCRBY', key, 'version', 1)
redis.call('ZREM', P .. 'filling', id)
changed[#changed + 1] = id
look(id)
flush()
return answer
