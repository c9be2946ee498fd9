-- Key names. Each begins with the prefix of the namespace, so all are in one cluster slot.
local P, known = KEYS[1], {}

-- queue:<queue>|<suffix>: with a bar, because names of queues may contain colons.
local function queue_key(queue, suffix)
  local of_queue = known[queue]
  if not of_queue then
    of_queue = {}
    known[queue] = of_queue
  end
  local key = of_queue[suffix]
  if not key then
    key = P .. 'queue:' .. queue .. '|' .. suffix
    of_queue[suffix] = key
  end
  return key
end

-- The first member of a sorted set, and its score.
local function head(key)
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  return first[1], first[2]
end

return {prefix = P, queue = queue_key, head = head}
