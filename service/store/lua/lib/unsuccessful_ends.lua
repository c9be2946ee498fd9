-- What jobs leave behind that died or were cancelled: counts for the history, and dead letters by cause.
-- Uses: keys, clock
local P, now, groups_key
-- In the order of COUNTED (service/domain/stats.py).
local COLUMN = {dead = 3, cancelled = 4}
-- Clients choose names, so a minute has a limited number of them; the others are counted together.
local FIELDS_AT_MOST, KEPT_MS = 10000, 900000
-- Causes beyond the limit share the group OTHER (service/domain/fingerprints.py). A group shows its last versions and
-- queues.
local GROUPS_AT_MOST, SHOWN, OTHER = 500, 5, '0000000000000000'

local function begin() P, now, groups_key = keys.prefix, clock.now, keys.prefix .. 'dead_groups' end

local function count(job, state)
  local key = P .. 'stats:' .. math.floor(now / 60000)
  local full = redis.call('HLEN', key) >= FIELDS_AT_MOST
  for kind, name in pairs({q = job.queue, t = job.name}) do
    local field = kind .. '|' .. (full and 'other' or name) .. '|' .. COLUMN[state]
    if redis.call('HINCRBY', key, field, 1) == 1 then redis.call('PEXPIRE', key, KEPT_MS) end
  end
end

-- The words of a text, the given one first.
local function put_first(word, text)
  local words = {word}
  for other in string.gmatch(text or '', '%S+') do
    if other ~= word and #words < SHOWN then words[#words + 1] = other end
  end
  return table.concat(words, ' ')
end

-- `job.death`, if a worker describes the error: fingerprint, worker version, error type and message, separated by bars.
-- A job that died without an error belongs to its type and reason.
local function describe(job, reason)
  local print, version, kind, message = string.match(job.death or '', '^(%x+)|([^|]*)|([^|]*)|(.*)$')
  if print then return print, version, kind, message end
  return string.sub(redis.sha1hex(job.name .. '|' .. reason), 1, #OTHER), '', '', ''
end

local function join_group(id, job, reason)
  local print, version, kind, message = describe(job, reason)
  local name = job.name
  if not redis.call('ZSCORE', groups_key, print) and redis.call('ZCARD', groups_key) >= GROUPS_AT_MOST then
    print, name, kind, message = OTHER, '', '', ''
  end
  local key = P .. 'dead_group:' .. print
  local before = redis.call('HMGET', key, 'queues', 'versions', 'first_seen')
  local versions = version == '' and (before[2] or '') or put_first(version, before[2])
  redis.call('HSET', key, 'name', name, 'type', kind, 'message', message, 'reason', reason, 'queues',
    put_first(job.queue, before[1]), 'versions', versions, 'first_seen', before[3] or now, 'last_seen', now)
  redis.call('ZADD', groups_key, now, print)
  redis.call('ZADD', key .. ':jobs', job.created_at, id)
  redis.call('HSET', job.key, 'fingerprint', print)
end

-- A job died (`state` is dead) or was cancelled.
local function note(id, job, state, reason)
  count(job, state)
  if state == 'dead' then join_group(id, job, reason) end
end

-- A dead job runs again, or is deleted.
local function leave_group(id)
  local record = P .. 'job:' .. id
  local print = redis.call('HGET', record, 'fingerprint')
  if not print then return end
  local key = P .. 'dead_group:' .. print
  redis.call('HDEL', record, 'fingerprint')
  redis.call('ZREM', key .. ':jobs', id)
  if redis.call('EXISTS', key .. ':jobs') == 0 then
    redis.call('DEL', key)
    redis.call('ZREM', groups_key, print)
  end
end

return {begin = begin, note = note, join_group = join_group, leave_group = leave_group}
