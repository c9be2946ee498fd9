#!lua flags=allow-oom
-- Reads what records count for, also of those that have changed since an audit began to count.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] holder of the turn (claim_audit.lua)   ARGV[3] limit on changed records; -1 = note
--   no more of them
-- ARGV[4..] ids of further jobs and fan-outs
-- Returns {number of changed records, ids and what they count for (counted_jobs.lua)}; nothing if the turn is lost: the
--   changes belong to another audit
-- Uses: keys, counted_jobs, changed_records
if redis.call('HGET', keys.prefix .. 'audit', 'holder') ~= ARGV[2] then return {} end
-- Checks above, writes below.
local most, ids = tonumber(ARGV[3]), {}
if most < 0 then
  redis.call('ZREM', keys.prefix .. 'watched', changed_records.AUDIT)
  redis.call('DEL', keys.prefix .. 'audit_changes')
end
local changed = most > 0 and redis.call('SPOP', keys.prefix .. 'audit_changes', most) or ids
for _, id in ipairs(changed) do ids[#ids + 1] = id end
for i = 4, #ARGV do ids[#ids + 1] = ARGV[i] end
return {#changed, counted_jobs.list(ids)}
