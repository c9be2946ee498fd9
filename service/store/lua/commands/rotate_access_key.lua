#!lua flags=allow-oom
-- Gives an API key another secret. The current secret stays valid for a while, and then its record expires; an older
-- one becomes invalid at once. Repeating a call changes nothing.
-- KEYS[1] prefix of the namespace of API keys
-- ARGV[1] now, by the clock of the API   ARGV[2] key id   ARGV[3] digest of the new secret
-- ARGV[4] how long the current secret stays valid (ms)
-- Returns 1, or 0 if there is no such key
-- Uses: keys, clock
local P, now = keys.prefix, clock.now
local id, digest, overlap = ARGV[2], ARGV[3], tonumber(ARGV[4])
local current, older = string.match(redis.call('HGET', P .. 'keys', id) or '', '^(%S+) ?(%S*)$')
if not current then return 0 end
if current == digest then return 1 end
local old, new = P .. 'key:' .. current, P .. 'key:' .. digest
local record = redis.call('HGETALL', old)
if #record == 0 then return 0 end
-- Checks above, writes below.
if older ~= '' then redis.call('UNLINK', P .. 'key:' .. older) end
redis.call('HSET', new, unpack(record))
redis.call('HSET', new, 'version', (redis.call('HGET', old, 'version') or 1) + 1, 'rotated_at', now)
if overlap > 0 then
  local last = math.min(now + overlap, tonumber(redis.call('HGET', old, 'expires_at') or nil) or math.huge)
  redis.call('HSET', new, 'previous_until', last)
  redis.call('HSET', old, 'expires_at', last)
  redis.call('PEXPIRE', old, math.max(1, last - now))
  redis.call('HSET', P .. 'keys', id, digest .. ' ' .. current)
else
  redis.call('HDEL', new, 'previous_until')
  redis.call('UNLINK', old)
  redis.call('HSET', P .. 'keys', id, digest)
end
return 1
