-- Key names. Each begins with the prefix of the namespace, so all are in one cluster slot.
local keys, P, known = {prefix = ''}

function keys.begin(KEYS)
  P, known = KEYS[1], {}
  keys.prefix = P
end

-- queue:<queue>|<suffix>: with a bar, because names of queues may contain colons.
function keys.queue(queue, suffix)
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
function keys.head(key)
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  return first[1], first[2]
end

return keys
