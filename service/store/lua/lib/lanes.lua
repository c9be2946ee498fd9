-- Lanes, and the limiters that close them.
-- A lane holds queued jobs of one job type. Jobs without a limit key share one lane per type, in running order
-- (queue:<queue>|types). Every limit key, and every fan-out with a limit, has its own lanes (lanes:<type>), ordered so
-- that a lane that has just started a job waits its turn (docs/adr/0010).
-- A limiter that allows no start is in `closed_limiters`, by the time at which it opens; +inf = when a slot is freed.
-- Its lanes are then in closed_lanes:<limiter>, where claims do not see them. A queue is in the line ready:<type> of
-- each job type of which it has open lanes, unless a claim found it paused or at its limit: then the type is in
-- queue:<queue>|closed (docs/adr/0032). Jobs without a limit key have one limiter per type, `type:<queue>|<type>`,
-- which closes only during a freeze and counts nothing.
-- Functions take a job, or a lane from lanes.of().
-- Uses: keys
local P
local fans, key_limiters
local NONE = {}

local function begin() P, fans, key_limiters = keys.prefix, {}, {} end

-- The fan-out of a job, if the fan-out has a limit.
local function limited_fan(job)
  local group = job.group
  if not group or string.sub(group, 1, 4) ~= 'fan_' then return nil end
  if fans[group] == nil then fans[group] = redis.call('HEXISTS', P .. 'limiters', 'fan:' .. group) == 1 end
  return fans[group] and group
end

local function name_of(job)
  if job.lane then return job.lane end
  local fan = limited_fan(job)
  return (job.limit_key or '') .. (fan and '|' .. fan or '')
end

-- Cached for all jobs with the same traits.
local function key_of(job)
  local owner = job.traits or job
  local key = owner.lane_key
  if not key then
    key = P .. 'queue:' .. job.queue .. '|lane:' .. job.name .. '|' .. name_of(job)
    owner.lane_key = key
  end
  return key
end

-- Naming all fields here allocates the table once.
local function of(queue, name, lane)
  local key, fan = lane, nil
  if string.find(lane, '|', 1, true) then key, fan = string.match(lane, '^([^|]*)|(.*)$') end
  return {
    queue = queue, name = name, lane = lane, state = 'queued', limit_key = key ~= '' and key or nil, group = fan,
    lane_key = nil, limiters = nil, rank = nil, fresh = nil, jobs = nil, at = nil, from = nil, count = nil,
    drained = nil, first = nil, score = nil, last_start = nil,
  }
end

-- How `served` and closed_lanes:<limiter> refer to a lane.
local function ref_of(job) return job.queue .. '|' .. job.name .. '|' .. name_of(job) end

-- The lane of such a reference.
local function of_ref(ref) return of(string.match(ref, '^(.-)|(.-)|(.*)$')) end

local function type_limiter(job) return 'type:' .. job.queue .. '|' .. job.name end

-- The limiters of a lane's keys. A lane without any has only its type's limiter, which callers check separately.
local function limiters_of(job)
  local owner = job.traits or job
  if owner.limiters then return owner.limiters end
  local fan, key, ids = limited_fan(job), job.limit_key, nil
  if key then
    -- Jobs of one key share the list, unless a fan-out adds to it.
    local of_queue = key_limiters[job.queue]
    if not of_queue then
      of_queue = {}
      key_limiters[job.queue] = of_queue
    end
    ids = of_queue[key]
    if not ids then
      ids = {'key:' .. job.queue .. '|' .. key}
      of_queue[key] = ids
    end
  end
  if fan then ids = {ids and ids[1] or type_limiter(job), 'fan:' .. fan} end
  owner.limiters = ids or NONE
  return owner.limiters
end

return {
  begin = begin, name = name_of, key = key_of, of = of, ref = ref_of, of_ref = of_ref, type_limiter = type_limiter,
  limiters = limiters_of,
}
