#!lua flags=allow-oom
-- Compares jobs with everything that the namespace stores about them, in one view: no other command runs meanwhile, so
-- nothing that is found can be a change in progress.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] "1" = repair what has only one right form   ARGV[3] lease (ms) of a running job without one
-- ARGV[4] shortest retention of a dead job (ms)   ARGV[5] grace (ms) of a cancel request without one
-- ARGV[6] "1" = return what the jobs count for   ARGV[7..] ids
-- Returns {findings: {kind, outcome, key, id, detail}, ids and what they count for (counted_jobs.lua), how many of the
--   ids it has checked: fewer if they have many dependencies}
-- Uses: job_places, job_audit, audit_findings, counted_jobs, consequences
job_places.set_terms(ARGV[3], ARGV[4], ARGV[5])
audit_findings.start(ARGV[2])
local ids = {}
for i = 7, #ARGV do
  if audit_findings.has_spent_enough() then break end
  local before = #audit_findings.all()
  ids[#ids + 1] = ARGV[i]
  job_audit.check(ARGV[i])
  -- A repair may have moved the job, and others with it.
  if #audit_findings.all() > before then consequences.flush() end
end
return {audit_findings.all(), ARGV[6] == '1' and counted_jobs.list(ids) or {}, #ids}
