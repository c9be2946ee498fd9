-- The indexes of a job. A state has one set (queue:<queue>|<state>) and at most one order: a lane (lanes.lua) for
-- queued, `due` for scheduled and retrying, `leases` for running, `retention` for finished jobs. leave() and enter()
-- only add to the batch, for at most one move of a job between two writes.
-- Uses: keys, batch, lanes, limiter_slots, unsuccessful_ends
local P
local queue_key = keys.queue
local add, remove, count_member, note_change = batch.add, batch.remove, batch.count_member, batch.note_change
-- The key of the order of a state, and the ones that are compared with it.
local ORDER, DUE, LEASES, RETENTION = {}

local function begin()
  P = keys.prefix
  DUE, LEASES, RETENTION = P .. 'due', P .. 'leases', P .. 'retention'
  ORDER.scheduled, ORDER.retrying, ORDER.running = DUE, DUE, LEASES
  ORDER.succeeded, ORDER.cancelled, ORDER.dead = RETENTION, RETENTION, RETENTION
end

local function leave(id, job)
  local state, group = job.state, job.group
  if group then count_member(group, state, -1) end
  remove(queue_key(job.queue, state), id)
  if state == 'queued' then
    local lane = lanes.key(job)
    remove(lane, id)
    batch.lanes[lane] = job
  elseif ORDER[state] then
    remove(ORDER[state], id)
    if ORDER[state] == DUE then remove(queue_key(job.queue, 'due'), id) end
    if state == 'running' then
      batch.freed_queues[job.queue] = true
      if job.limit_key or group then limiter_slots.hold(job, -1) end
    end
  end
  if job.cancel_requested_at then remove(P .. 'cancelling', id) end
  if state == 'dead' then
    local dead = job.state_reason .. ':' .. job.queue
    if redis.call('HINCRBY', P .. 'dead', dead, -1) <= 0 then redis.call('HDEL', P .. 'dead', dead) end
    unsuccessful_ends.leave_group(id)
  end
  if group and state == 'cancelled' and job.state_reason == 'requested' then count_member(group, 'requested', -1) end
end

-- `at` is the position in the state's order: running order, due time, end of the lease, end of the retention.
local function enter(id, job, state, at)
  local group, order = job.group, ORDER[state]
  if group then count_member(group, state, 1) end
  add(queue_key(job.queue, state), job.created_at, id)
  if order then
    add(order, at, id)
    if state == 'running' and (job.limit_key or group) then limiter_slots.hold(job, 1) end
    if order == DUE then
      add(queue_key(job.queue, 'due'), at, id)
      batch.earliest_due = math.min(batch.earliest_due or at, at)
    end
  elseif state == 'queued' then
    local lane = lanes.key(job)
    add(lane, at, id)
    batch.lanes[lane] = job
    batch.wake(job.queue, job.name)
  end
  note_change(id)
end

return {begin = begin, leave = leave, enter = enter}
