#!lua
-- Admit a batch of jobs: idempotency record, unique key, job, index and wake-up, all or nothing per job.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (see index.lua)   ARGV[2] milliseconds that an idempotency record is kept
-- ARGV[3..] per job 18 values: id, name, queue, limit_key, priority, delay_ms, run_at, expires_ms, deadline_ms,
--   retention_ms, payload, options (JSON), tags ("key:value" joined by \0), unique key, unique until
--   ("started", "finished" or ms), on conflict, idempotency digest, digest of the request; "" = absent
-- Returns per job {word, id, at, options}: created | duplicate (this id was admitted before) | replayed (same
--   idempotency key and request) | reused (same key, other request) | existing | conflict (unique key) | full
-- Uses: index
-- Uses: groups
local WIDTH = 18
local answers, admitted, keys_here, depth = {}, {}, {}, {}

local function text(value) if value ~= '' then return value end end

local function refusal(job)
  local before = redis.call('HMGET', P .. 'job:' .. job.id, 'created_at', 'options')
  if before[1] then return {'duplicate', job.id, before[1], before[2]} end
  if job.digest then
    local record = keys_here['i' .. job.digest] or redis.call('HMGET', P .. 'idempotency:' .. job.digest, 'request', 'id', 'at', 'options')
    if record[1] then
      return {record[1] == job.request and 'replayed' or 'reused', record[2], record[3], record[4]}
    end
  end
  if job.unique then
    local holder = keys_here['u' .. job.queue .. ':' .. job.unique] or redis.call('GET', P .. 'unique:' .. job.queue .. ':' .. job.unique)
    if holder and job.conflict == 'replace' then
      job.replaces = holder
    elseif holder then
      return {job.conflict == 'reject' and 'conflict' or 'existing', holder, now, job.options}
    end
  end
  local limit = tonumber(setting(job.queue, 'max_depth') or nil)
  if limit then
    depth[job.queue] = depth[job.queue] or redis.call('ZCARD', queue_key(job.queue, 'queued'))
    if depth[job.queue] >= limit then return {'full', job.id, now, job.options} end
    depth[job.queue] = depth[job.queue] + 1
  end
end

for i = 3, #ARGV, WIDTH do
  local job = {
    id = ARGV[i], name = ARGV[i + 1], queue = ARGV[i + 2], limit_key = text(ARGV[i + 3]), priority = tonumber(ARGV[i + 4]),
    due = tonumber(ARGV[i + 6]) or now + tonumber(ARGV[i + 5]), expires_ms = tonumber(ARGV[i + 7]), deadline_ms = tonumber(ARGV[i + 8]),
    retention_ms = ARGV[i + 9], payload = ARGV[i + 10], options = ARGV[i + 11], tags = text(ARGV[i + 12]), unique = text(ARGV[i + 13]),
    until_ = ARGV[i + 14], conflict = ARGV[i + 15], digest = text(ARGV[i + 16]), request = ARGV[i + 17], created_at = now,
  }
  local answer = refusal(job)
  if not answer then
    answer = {'created', job.id, now, job.options}
    admitted[#admitted + 1] = job
    if job.digest then keys_here['i' .. job.digest] = {job.request, job.id, now, job.options} end
    if job.unique then keys_here['u' .. job.queue .. ':' .. job.unique] = job.id end
  end
  answers[#answers + 1] = answer
end

-- Checks above, writes below.
for _, job in ipairs(admitted) do
  local id, state, at = job.id, 'queued', 0
  local fields = {'v', 1, 'version', 1, 'name', job.name, 'queue', job.queue, 'priority', job.priority, 'payload', job.payload,
    'options', job.options, 'created_at', now, 'retention_ms', job.retention_ms}
  local function put(field, value) fields[#fields + 1] = field; fields[#fields + 1] = value end
  if job.due > now then
    state, at = 'scheduled', job.due
    put('run_at', job.due)
  else
    at = running_order(job.queue, job.priority, now)
    put('run_at', now); put('queued_at', now); put('score', at)
  end
  put('state', state)
  if job.limit_key then put('limit_key', job.limit_key) end
  if job.expires_ms then put('expires_at', now + job.expires_ms) end
  if job.deadline_ms then put('deadline_at', now + job.deadline_ms) end
  local expiry = math.min(job.expires_ms or math.huge, job.deadline_ms or math.huge)
  if expiry < math.huge then put('expiry', 1); append(added, P .. 'expiry', now + expiry, id) end
  if job.replaces then
    local old = load(job.replaces)
    if old and not FINISHED[old.state] and old.state ~= 'running' then finish(job.replaces, old, 'cancelled', 'replaced', 0) end
  end
  if job.unique then
    put('unique', job.unique); put('unique_until', job.until_)
    local key = P .. 'unique:' .. job.queue .. ':' .. job.unique
    if tonumber(job.until_) then redis.call('SET', key, id, 'PX', job.until_) else redis.call('SET', key, id) end
  end
  if job.tags then
    put('tags', job.tags)
    for tag in string.gmatch(job.tags, '[^%z]+') do append(added, P .. 'tag:' .. tag, now, id) end
  end
  if job.digest then
    local key = P .. 'idempotency:' .. job.digest
    redis.call('HSET', key, 'request', job.request, 'id', id, 'at', now, 'options', job.options)
    redis.call('PEXPIRE', key, ARGV[2])
  end
  redis.call('HSET', P .. 'job:' .. id, unpack(fields))
  enter(id, job, state, at)
  append(rated, 'seen', job.queue)
  rate(job.queue, 'enqueued')
end
if rated.seen then redis.call('SADD', P .. 'queues', unpack(rated.seen)); rated.seen = nil end
flush()
return answers
