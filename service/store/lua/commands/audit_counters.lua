#!lua flags=no-writes
-- Reads counters, and what the records that have just changed count for: both at the same moment, so that the
-- difference between counters and jobs is exact.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] limit on changed records   ARGV[3..] counters: a word and a name
-- Returns {ids and what they count for (counted_jobs.lua), values, "" = there is none}; nothing if too many records
--   have changed
-- Uses: keys, counted_jobs, pending_tasks
local P = keys.prefix
if redis.call('SCARD', P .. 'audit_changes') > tonumber(ARGV[2]) then return {} end
local HASHES = {busy = 'busy', dead = 'dead', limit = 'limit_key_jobs', quota = 'quotas'}
local READ = {
  group = function(name)
    local id, field = string.match(name, '^(%S+) (%S+)$')
    return redis.call('HGET', P .. 'group:' .. id, field)
  end,
  payload = function(name) return redis.call('HGET', P .. 'payload:' .. name, 'jobs') end,
  task = function(name) return pending_tasks.mention(name) and 1 end,
}
local values = {}
for i = 3, #ARGV do
  local word, name = string.match(ARGV[i], '^(%a+) (.*)$')
  local value = HASHES[word] and redis.call('HGET', P .. HASHES[word], name) or READ[word] and READ[word](name)
  values[#values + 1] = value or ''
end
return {counted_jobs.list(redis.call('SMEMBERS', P .. 'audit_changes')), values}
