#!lua flags=allow-oom
-- Show how far a run is, or keep a line of its log. Only the holder of the lease may.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] job id   ARGV[3] token   ARGV[4] progress (JSON)   ARGV[5] log line (JSON); "" = none
-- Returns 1, or 0 when the lease is lost
-- Uses: job_indexes
local id, key = ARGV[2], P .. 'job:' .. ARGV[2]
local job = load(id)
if not job or job.state ~= 'running' or job.token ~= ARGV[3] then return 0 end
-- Checks above, writes below.
if ARGV[4] ~= '' then
  redis.call('HSET', key, 'progress', ARGV[4])
  redis.call('HINCRBY', key, 'version', 1)
  changed[#changed + 1] = id
end
if ARGV[5] ~= '' then
  redis.call('RPUSH', key .. ':logs', ARGV[5])
  redis.call('LTRIM', key .. ':logs', -1000, -1)
end
flush()
return 1
