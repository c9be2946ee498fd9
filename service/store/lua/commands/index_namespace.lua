#!lua flags=allow-oom
-- Adds a name to the index of namespaces with a record, or removes it.
-- KEYS[1] prefix of the namespace of API keys
-- ARGV[1] now (not used)   ARGV[2] name   ARGV[3] "1" = add, "" = remove
-- Returns 1
-- Uses: keys
local index = keys.prefix .. 'namespaces'
if ARGV[3] == '1' then redis.call('ZADD', index, 0, ARGV[2]) else redis.call('ZREM', index, ARGV[2]) end
return 1
