#!lua
-- Stores the jobs of a flow invisibly: a job without a state does not exist. commit_flow.lua makes them visible; a flow
-- that is never committed is deleted later.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] group id   ARGV[3] jobs staged by earlier calls   ARGV[4..] per job 11 values: id, its key in
--   the group, its spec (job_records.lua)
-- Returns 1, or 0 if a failover has lost earlier ones. Fails if the namespace would exceed a quota
-- Uses: keys, clock, job_records, quotas, stored_bytes, writer, changed_records
local WIDTH, P, group = 11, keys.prefix, ARGV[2]
local staged, earlier = redis.call('HLEN', P .. 'group:' .. group .. ':jobs'), tonumber(ARGV[3])
if staged < earlier then return 0 end
-- This call is a repetition.
if staged > earlier then return 1 end
local size = earlier == 0 and stored_bytes.GROUP or 0
for i = 4, #ARGV, WIDTH do
  size = size + job_records.size(job_records.spec(ARGV, i + 2)) + stored_bytes.MEMBER + #ARGV[i + 1]
end
quotas.check((#ARGV - 3) / WIDTH, size, 0)
-- Checks above, writes below.
redis.call('ZADD', P .. 'staged', 'NX', clock.now, group)
if earlier == 0 then stored_bytes.add(P .. 'group:' .. group, stored_bytes.GROUP) end
for i = 4, #ARGV, WIDTH do
  local id, key, job = ARGV[i], ARGV[i + 1], job_records.spec(ARGV, i + 2)
  redis.call('HSET', P .. 'job:' .. id, 'key', key, unpack(job_records.waiting_fields(job)))
  stored_bytes.put_member(group, key, id)
end
writer.write()
local ids = {group}
for i = 4, #ARGV, WIDTH do ids[#ids + 1] = ARGV[i] end
changed_records.note_quietly(ids)
return 1
