#!lua flags=allow-oom
-- Adds to counters what they lack, or have too much: this difference stays the same whatever happens meanwhile.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] holder of the turn (claim_audit.lua)   ARGV[3] request id: a repeated request changes nothing
-- ARGV[4..] per counter: word and name (audit_counters.lua), change
-- Returns moved | stale
-- Uses: keys, groups, consequences
local P = keys.prefix
local turn = redis.call('HMGET', P .. 'audit', 'holder', 'adjusted')
if turn[1] ~= ARGV[2] then return 'stale' end
if turn[2] == ARGV[3] then return 'moved' end
-- Checks above, writes below.
local HASHES = {busy = 'busy', dead = 'dead', limit = 'limit_key_jobs'}
local changed = {}
redis.call('HSET', P .. 'audit', 'adjusted', ARGV[3])

local function adjust(word, name, by)
  if HASHES[word] then
    local key = P .. HASHES[word]
    if redis.call('HINCRBY', key, name, by) <= 0 then redis.call('HDEL', key, name) end
  elseif word == 'quota' and redis.call('EXISTS', P .. 'quotas') == 1 then
    redis.call('HINCRBY', P .. 'quotas', name, by)
  elseif word == 'group' then
    local id, field = string.match(name, '^(%S+) (%S+)$')
    if groups.exists(id) then
      redis.call('HINCRBY', P .. 'group:' .. id, field, by)
      changed[id] = true
    end
  elseif word == 'payload' and redis.call('EXISTS', P .. 'payload:' .. name) == 1 then
    local key = P .. 'payload:' .. name
    if redis.call('HINCRBY', key, 'jobs', by) <= 0 then redis.call('UNLINK', key) end
  end
end

for i = 4, #ARGV, 2 do
  local word, name = string.match(ARGV[i], '^(%a+) (.*)$')
  adjust(word, name, ARGV[i + 1])
end
for id in pairs(changed) do
  groups.note_change(id)
  groups.review(id)
end
consequences.flush()
return 'moved'
