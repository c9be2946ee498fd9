-- How much a call does before it leaves the rest to the next one: a script blocks all other clients. The cost of a job
-- is estimated, in microseconds, and not measured, so that the same call always does the same (docs/adr/0053).
-- Uses: keys, counted
local spent, limit, jobs, base, ending, queue, group
-- What a call may cost, and the least that is left for the dependents of the jobs that it has finished.
local AT_MOST, FOR_DEPENDENTS = 10000, 5000
-- A call with fewer jobs is never cut, so it need not know what they cost.
local FEW = 8
-- The cost of a job, and of what it may have in addition.
local JOB, LOOK, DELIVERY, QUOTAS, STREAM = 20, 8, 60, 40, 15
local QUEUE, GROUP, LIMIT_KEY, UNIQUE, EXPIRY, CALLBACK, LINKED = 40, 40, 40, 60, 10, 90, 40

local function begin() spent, limit, jobs, base, ending, queue, group = 0, AT_MOST, 0, nil, nil, nil, nil end

-- What every job of the namespace costs.
local function read_base()
  return JOB + (counted.on() and QUOTAS or 0) + STREAM * redis.call('EXISTS', keys.prefix .. 'watched')
end

local function cost_of(job)
  local cost = base
  if job.limit_key then cost = cost + LIMIT_KEY end
  if job.unique then cost = cost + UNIQUE end
  if job.expiry then cost = cost + EXPIRY end
  -- Most calls have one queue, and one group.
  if job.queue ~= queue then
    if queue then cost = cost + QUEUE end
    queue = job.queue
  end
  if job.group and job.group ~= group then
    if group then cost = cost + GROUP end
    group = job.group
  end
  return cost
end

-- Notes a job that the call changes; `more` is what else it costs.
local function spend(job, more)
  jobs = jobs + 1
  if jobs < FEW then return end
  base = base or read_base()
  local cost = cost_of(job) + (more or 0)
  spent = spent + (jobs == FEW and FEW * cost or cost)
end

-- The same for a job that finishes: that may be a delivery to each endpoint, and to its callback.
local function spend_end(job, more)
  if jobs + 1 < FEW then return spend(job) end
  ending = ending or DELIVERY * redis.call('HLEN', keys.prefix .. 'subscriptions')
  local cost = ending + (more or 0)
  if job.callback then cost = cost + CALLBACK end
  if job.linked then cost = cost + LINKED end
  spend(job, cost)
end

-- Notes a job that the call only reads.
local function look() spent = spent + LOOK end

-- Whether the call should leave the rest to the next one.
local function is_spent() return spent >= limit end

-- The same for a part of the call: a share of what all of it may cost.
local function is_spent_to(share) return spent >= share * AT_MOST end

-- What follows begins: each dependent counts, and some are notified in any case.
local function begin_dependents()
  if jobs < FEW then jobs = FEW end
  limit = math.max(AT_MOST, spent + FOR_DEPENDENTS)
end

return {
  begin = begin, spend = spend, spend_end = spend_end, look = look, is_spent = is_spent, is_spent_to = is_spent_to,
  begin_dependents = begin_dependents,
}
