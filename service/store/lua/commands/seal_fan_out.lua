#!lua flags=allow-oom
-- Closes a fan-out to new items if it has exactly the first `expected` ones. An empty fan-out finishes at once.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] group id   ARGV[3] items expected
-- Returns {word, total items, first missing index}: moved (now or before) | mismatch | missing
-- Uses: keys, groups, consequences
local P = keys.prefix
local id, key, expected = ARGV[2], P .. 'group:' .. ARGV[2], tonumber(ARGV[3])
local group = redis.call('HMGET', key, 'state', 'sealed', 'total', 'highest')
local sealed, total = group[2], group[3]
if not group[1] then return {'missing', 0, 0} end
local first_missing = redis.call('BITPOS', key .. ':items', 0)
local complete = tonumber(total) == expected and (sealed or tonumber(group[4]) + 1 == expected)
if not complete or sealed then return {complete and 'moved' or 'mismatch', total, first_missing} end
-- Checks above, writes below.
groups.put_state(id, 'running', 'sealed', 1)
redis.call('ZREM', P .. 'open_fan_outs', id)
groups.note_change(id)
groups.review(id)
consequences.flush()
return {'moved', total, first_missing}
