#!lua flags=allow-oom
-- Deletes staged jobs of a flow that was not committed in time. From the first call on, it cannot be committed.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] group id   ARGV[3] "1" = these are the last ones   ARGV[4..] job ids
-- Returns 1
-- Uses: keys, stored_bytes, writer, changed_records
local P, id = keys.prefix, ARGV[2]
local group = P .. 'group:' .. id
redis.call('HSET', group, 'discarded', 1)
for i = 4, #ARGV do
  local job = P .. 'job:' .. ARGV[i]
  if redis.call('EXISTS', job) == 1 then stored_bytes.forget_job(job) end
  redis.call('UNLINK', job, job .. ':dependents', job .. ':dependencies', job .. ':waits')
end
if ARGV[3] == '1' then
  redis.call('ZREM', P .. 'staged', id)
  stored_bytes.forget_group(group)
  redis.call('UNLINK', group .. ':jobs', group)
end
writer.write()
local ids = {id}
for i = 4, #ARGV do ids[#ids + 1] = ARGV[i] end
changed_records.note_quietly(ids)
return 1
