-- The arrows of a job's state machine: printed from service/domain/states.py by `make generate`.
local SOURCES = {
  promote = 'scheduled retrying',
  release = 'blocked',
  postpone = 'blocked',
  claim = 'queued',
  complete = 'running',
  retry = 'running',
  snooze = 'running',
  requeue = 'running',
  crash = 'running',
  rescue = 'running',
  rest = 'running',
  park = 'running',
  give_up = 'running',
  stop = 'running',
  bury = 'blocked scheduled queued running retrying',
  cancel = 'blocked scheduled queued running retrying',
  redrive = 'cancelled dead',
  defer = 'cancelled dead',
  revive = 'cancelled dead',
  run_now = 'scheduled retrying',
  reschedule = 'queued',
  wait_again = 'scheduled queued',
}
local TARGETS = {
  promote = 'queued',
  release = 'queued',
  postpone = 'scheduled',
  claim = 'running',
  complete = 'succeeded',
  retry = 'retrying',
  snooze = 'scheduled',
  requeue = 'queued',
  crash = 'queued',
  rescue = 'queued',
  rest = 'scheduled',
  park = 'blocked',
  give_up = 'dead',
  stop = 'cancelled',
  bury = 'dead',
  cancel = 'cancelled',
  redrive = 'queued',
  defer = 'scheduled',
  revive = 'blocked',
  run_now = 'queued',
  reschedule = 'scheduled',
  wait_again = 'blocked',
}
-- Only the holder of the job's current lease may make these.
local FENCED = {
  complete = true,
  retry = true,
  snooze = true,
  requeue = true,
  crash = true,
  park = true,
  give_up = true,
  stop = true,
}
-- The states that a new job can be in, by how it gets there.
local ARRIVALS = {
  enqueue = 'queued',
  schedule = 'scheduled',
  wait = 'blocked',
  refuse = 'cancelled',
}
local FINISHED = {
  succeeded = true,
  cancelled = true,
  dead = true,
}
local STATES = 'blocked scheduled queued running retrying succeeded cancelled dead'

return {
  SOURCES = SOURCES,
  TARGETS = TARGETS,
  FENCED = FENCED,
  ARRIVALS = ARRIVALS,
  FINISHED = FINISHED,
  STATES = STATES,
}
