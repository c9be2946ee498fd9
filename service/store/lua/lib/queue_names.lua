-- A queue exists while it has jobs or settings: its name is then in `queues`. A namespace has at most `limit` queues
-- (docs/adr/0033).
-- Uses: keys, moves
local P
local queue_key = keys.queue
-- Names that this call has checked: false = new.
local asked, new_names

local function begin() P, asked, new_names = keys.prefix, {}, 0 end

-- Whether the queue exists or may be created. A new name counts at once, so a command that refuses it must not call
-- create().
local function may_use(queue, limit)
  if asked[queue] ~= nil then return true end
  local exists = redis.call('ZSCORE', P .. 'queues', queue) and true
  if not exists then
    if redis.call('ZCARD', P .. 'queues') + new_names >= limit then return false end
    new_names = new_names + 1
  end
  asked[queue] = exists or false
  return true
end

local function create(queue)
  if asked[queue] then return end
  redis.call('ZADD', P .. 'queues', 0, queue)
  asked[queue] = true
end

local function has_jobs(queue)
  local sets = {}
  for state in string.gmatch(moves.STATES, '%a+') do sets[#sets + 1] = queue_key(queue, state) end
  return redis.call('EXISTS', unpack(sets)) > 0
end

-- `version` does not count: it remains after the settings are removed.
local function has_settings(queue)
  local hash = P .. 'queue:' .. queue
  return redis.call('HLEN', hash) > redis.call('HEXISTS', hash, 'version')
    or redis.call('EXISTS', queue_key(queue, 'keys')) == 1
    or redis.call('HEXISTS', P .. 'defaults', queue) == 1
end

local function forget(queue)
  redis.call('ZREM', P .. 'queues', queue)
  redis.call('UNLINK', P .. 'queue:' .. queue, queue_key(queue, 'keys'), queue_key(queue, 'closed'))
  redis.call('HDEL', P .. 'defaults', queue)
  redis.call('HDEL', P .. 'served', queue .. '|')
  redis.call('HDEL', P .. 'counters', 'rate_limited:' .. queue)
  asked[queue] = nil
end

-- For queues that jobs have left; call it after the write.
local function forget_unused(queues)
  for queue in pairs(queues) do
    if not has_jobs(queue) and not has_settings(queue) then forget(queue) end
  end
end

return {
  begin = begin, may_use = may_use, create = create, has_jobs = has_jobs, forget = forget,
  forget_unused = forget_unused,
}
