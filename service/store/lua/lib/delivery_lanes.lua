-- The pending deliveries of webhooks. Those of one resource to one target wait in line, so that one failing delivery
-- delays that resource only. A target is an endpoint, or the origin of a callback's URL.
-- outbox has each target by the time at which its first line is due, and outbox:<target> each line (a resource) by the
-- time at which its first delivery is due or, during an attempt, at which the lease of that attempt ends.
-- Uses: keys, clock
local P, now
-- Ended deliveries kept per endpoint, and how long a failing target is remembered (ms).
local ENDED_KEPT, FAILING_KEPT_MS = 1000, 604800000

local function begin() P, now = keys.prefix, clock.now end

-- The endpoint that has the settings and deliveries of a target: all callbacks share one.
local function endpoint_of(target) return string.sub(target, 1, 3) == 'wh_' and target or 'callbacks' end

local function line_key(target) return P .. 'outbox:' .. target end
local function waiting_key(target) return P .. 'outbox:' .. target .. ':waiting' end
local function failing_key(target) return P .. 'outbox:' .. target .. ':failing' end
local function endpoint_key(endpoint) return P .. 'webhook:' .. endpoint end
-- Both have records by number.
local function pending_key(endpoint) return P .. 'webhook:' .. endpoint .. ':pending' end
local function ended_key(endpoint) return P .. 'webhook:' .. endpoint .. ':ended' end

-- The record of a pending delivery: names and values; the last value of a name counts.
local function read(endpoint, number)
  return redis.call('ZRANGEBYSCORE', pending_key(endpoint), number, number)[1]
end

local function write(endpoint, number, text)
  redis.call('ZREMRANGEBYSCORE', pending_key(endpoint), number, number)
  redis.call('ZADD', pending_key(endpoint), number, text)
end

-- Changes how many deliveries are pending.
local function count(endpoint, by)
  redis.call('HINCRBY', P .. 'counters', 'deliveries_pending', by)
  redis.call('HINCRBY', endpoint_key(endpoint), 'pending', by)
end

-- Puts a delivery at the end of its resource's line.
local function push(target, resource, number)
  local before = redis.call('HGET', waiting_key(target), resource)
  redis.call('HSET', waiting_key(target), resource, before and before .. ' ' .. number or number)
  if before then return end
  redis.call('ZADD', line_key(target), now, resource)
  redis.call('ZADD', P .. 'outbox', 'LT', now, target)
end

-- The number of the first delivery in a line, or nil.
local function first(target, resource)
  return string.match(redis.call('HGET', waiting_key(target), resource) or '', '^%d+')
end

-- Takes the first delivery out of a line; the next one is due at once.
local function pop(target, resource)
  local rest = string.match(redis.call('HGET', waiting_key(target), resource) or '', '^%d+ (.+)$')
  if rest then
    redis.call('HSET', waiting_key(target), resource, rest)
    redis.call('ZADD', line_key(target), now, resource)
  else
    redis.call('HDEL', waiting_key(target), resource)
    redis.call('ZREM', line_key(target), resource)
  end
end

-- Notes when a target is due again; targets that are due take turns. Returns that time, or nil.
local function settle(target)
  local _, at = keys.head(line_key(target))
  if at then
    at = math.max(at, now)
    redis.call('ZADD', P .. 'outbox', at, target)
    return at
  end
  redis.call('ZREM', P .. 'outbox', target)
end

-- Moves a delivery from its line to the ended ones, of which the oldest are forgotten.
local function finish(target, resource, number, text)
  local endpoint = endpoint_of(target)
  redis.call('ZREMRANGEBYSCORE', pending_key(endpoint), number, number)
  redis.call('ZADD', ended_key(endpoint), number, text)
  redis.call('ZREMRANGEBYRANK', ended_key(endpoint), 0, -ENDED_KEPT - 1)
  pop(target, resource)
  count(endpoint, -1)
end

-- Notes that an attempt failed; returns since when none has succeeded.
local function fail(target)
  redis.call('SET', failing_key(target), now, 'NX')
  redis.call('PEXPIRE', failing_key(target), FAILING_KEPT_MS)
  return tonumber(redis.call('GET', failing_key(target)))
end

-- Stops deliveries to an endpoint. A worker ends its pending ones, which may be many.
local function disable(endpoint, reason)
  redis.call('HSET', endpoint_key(endpoint), 'disabled_at', now, 'disabled_reason', reason)
  redis.call('HINCRBY', endpoint_key(endpoint), 'version', 1)
  redis.call('HDEL', P .. 'subscriptions', endpoint)
  if redis.call('EXISTS', line_key(endpoint)) == 1 then redis.call('ZADD', P .. 'outbox', now, endpoint) end
end

return {
  begin = begin, endpoint_of = endpoint_of, line_key = line_key, waiting_key = waiting_key, failing_key = failing_key,
  endpoint_key = endpoint_key, pending_key = pending_key, ended_key = ended_key, read = read, write = write,
  count = count, push = push, first = first, pop = pop, settle = settle, finish = finish, fail = fail,
  disable = disable,
}
