#!lua flags=allow-oom
-- Checks records other than jobs, and their indexes.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] "1" = repair   ARGV[3] what the names are: queue | lane | line | group | limiter | closed |
--   schedule | action | worker | endpoint | target | outbox | delivery ("<endpoint> <number>") | unique | follower |
--   unique_name | expiry (keys without the prefix) | part | cause
-- ARGV[4..] names
-- Returns findings (audit_jobs.lua)
-- Uses: lanes, lane_audit, queue_audit, group_audit, record_audit, outbox_audit, unique_audit, audit_findings
-- Uses: consequences
local CHECKS = {
  queue = queue_audit.check,
  line = queue_audit.check_line,
  group = group_audit.check,
  limiter = group_audit.check_listed_limiter,
  closed = record_audit.check_closed,
  schedule = record_audit.check_schedule,
  action = record_audit.check_action,
  worker = record_audit.check_worker,
  endpoint = outbox_audit.check_endpoint,
  target = outbox_audit.check_target,
  outbox = outbox_audit.check_total,
  delivery = outbox_audit.check_delivery,
  unique = unique_audit.check_key,
  follower = unique_audit.check_follower,
  unique_name = unique_audit.check_name,
  expiry = record_audit.check_expiry,
  part = record_audit.check_part,
  cause = record_audit.check_cause,
  lane = function(ref) lane_audit.check_listed(lanes.of_ref(ref)) end,
}
audit_findings.start(ARGV[2])
local check = CHECKS[ARGV[3]]
for i = 4, #ARGV do
  local before = #audit_findings.all()
  check(ARGV[i])
  if #audit_findings.all() > before then consequences.flush() end
end
return audit_findings.all()
