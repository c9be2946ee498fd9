#!lua flags=allow-oom
-- Stores the progress of a run, or a line of its log. Only the holder of the lease may.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] job id   ARGV[3] token   ARGV[4] progress (JSON)   ARGV[5] log line (JSON); "" = none
-- Returns 1, or 0 if the lease is lost
-- Uses: keys, jobs, stored_bytes, writer, changed_records
local id, key, progress, line = ARGV[2], keys.prefix .. 'job:' .. ARGV[2], ARGV[4], ARGV[5]
local job = jobs.load(id)
if not job or job.state ~= 'running' or job.token ~= ARGV[3] then return 0 end
-- Checks above, writes below.
if progress ~= '' then jobs.change(id, job, {'progress', progress}) end
if line ~= '' then
  stored_bytes.append(key, 'logs', line)
  changed_records.note_quietly({id})
end
writer.write()
return 1
