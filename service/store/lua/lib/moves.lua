-- The arrows of a job's state machine: printed from service/domain/states.py by `make generate`.
local STATES = 'blocked scheduled queued running retrying succeeded cancelled dead'
local FINISHED = {succeeded = true, cancelled = true, dead = true}

-- The sources of a move, its target, and whether it needs the job's current lease.
local function arrow(name)
  if name == 'promote' then return 'scheduled retrying', 'queued', false end
  if name == 'release' then return 'blocked', 'queued', false end
  if name == 'postpone' then return 'blocked', 'scheduled', false end
  if name == 'claim' then return 'queued', 'running', false end
  if name == 'complete' then return 'running', 'succeeded', true end
  if name == 'retry' then return 'running', 'retrying', true end
  if name == 'snooze' then return 'running', 'scheduled', true end
  if name == 'requeue' then return 'running', 'queued', true end
  if name == 'crash' then return 'running', 'queued', true end
  if name == 'rescue' then return 'running', 'queued', false end
  if name == 'rest' then return 'running', 'scheduled', false end
  if name == 'wait_for_children' then return 'running', 'blocked', true end
  if name == 'give_up' then return 'running', 'dead', true end
  if name == 'stop' then return 'running', 'cancelled', true end
  if name == 'bury' then return 'blocked scheduled queued running retrying', 'dead', false end
  if name == 'cancel' then return 'blocked scheduled queued running retrying', 'cancelled', false end
  if name == 'redrive' then return 'cancelled dead', 'queued', false end
  if name == 'defer' then return 'cancelled dead', 'scheduled', false end
  if name == 'redrive_and_wait' then return 'cancelled dead', 'blocked', false end
  if name == 'run_now' then return 'scheduled retrying', 'queued', false end
  if name == 'reschedule' then return 'queued', 'scheduled', false end
  if name == 'wait_again' then return 'scheduled queued', 'blocked', false end
  error('there is no move ' .. name)
end

-- The state that a new job can be in, by how it gets there.
local function arrival(name)
  if name == 'enqueue' then return 'queued' end
  if name == 'schedule' then return 'scheduled' end
  if name == 'wait' then return 'blocked' end
  if name == 'refuse' then return 'cancelled' end
  error('there is no arrival ' .. name)
end

return {STATES = STATES, FINISHED = FINISHED, arrow = arrow, arrival = arrival}
