#!lua flags=allow-oom
-- Stores a new API key. Repeating a call changes nothing.
-- KEYS[1] prefix of the namespace of API keys
-- ARGV[1] now (not used)   ARGV[2] key id   ARGV[3] digest of its secret   ARGV[4] namespace   ARGV[5] created_at
-- ARGV[6] limit on keys per namespace   ARGV[7..] field, value
-- Returns 1, or 0 if the namespace has too many keys
-- Uses: keys
local P, id, index = keys.prefix, ARGV[2], keys.prefix .. 'keys_of:' .. ARGV[4]
if redis.call('HEXISTS', P .. 'keys', id) == 1 then return 1 end
if redis.call('ZCARD', index) >= tonumber(ARGV[6]) then return 0 end
-- Checks above, writes below.
redis.call('HSET', P .. 'key:' .. ARGV[3], unpack(ARGV, 7))
redis.call('HSET', P .. 'keys', id, ARGV[3])
redis.call('ZADD', index, ARGV[5], id)
return 1
