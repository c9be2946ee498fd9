#!lua flags=allow-oom
-- Deletes an API key with all its secrets.
-- KEYS[1] prefix of the namespace of API keys
-- ARGV[1] now (not used)   ARGV[2] key id
-- Returns 1, or 0 if there is no such key
-- Uses: keys
local P, id = keys.prefix, ARGV[2]
local secrets = redis.call('HGET', P .. 'keys', id)
if not secrets then return 0 end
-- Checks above, writes below.
for digest in string.gmatch(secrets, '%S+') do
  local namespace = redis.call('HGET', P .. 'key:' .. digest, 'namespace')
  if namespace then redis.call('ZREM', P .. 'keys_of:' .. namespace, id) end
  redis.call('UNLINK', P .. 'key:' .. digest)
end
redis.call('HDEL', P .. 'keys', id)
redis.call('HDEL', P .. 'keys_used', id)
return 1
