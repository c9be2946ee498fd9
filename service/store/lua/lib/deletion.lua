-- The keys that a deleted namespace may leave behind. As long as workers serve it, their entries are needed; API
-- processes do their duties for some minutes longer. So a marker says that the namespace is deleted, until it is used
-- again.
-- Uses: keys, clock
local P
local DAY, HOURS = 86400, 26
local KEYS_LEFT = {
  'audit', 'catalogue', 'held_leases', 'limit_key_jobs', 'namespace', 'outbox_idle', 'pools', 'quotas',
  'reachability', 'ready_position', 'stats_fives', 'stats_marks', 'stats_names', 'stats_stored', 'stats_turn',
  'stats_versions', 'unique_names', 'unroutable_types', 'worker_lost',
}

local function begin() P = keys.prefix end

local function is_empty()
  return redis.call('EXISTS', P .. 'queues', P .. 'schedules', P .. 'groups:flow', P .. 'groups:fan') == 0
end

-- Whether it was deleted and has not been used since.
local function is_deleted() return redis.call('EXISTS', P .. 'deleted') == 1 and is_empty() end

-- Deletes what remains, unless workers need it.
local function clean()
  if redis.call('EXISTS', P .. 'workers') == 1 then return end
  for _, pool in ipairs(redis.call('HKEYS', P .. 'pools')) do redis.call('UNLINK', P .. 'wake:' .. pool) end
  for _, key in ipairs(KEYS_LEFT) do redis.call('UNLINK', P .. key) end
  -- Deliveries are numbered and counted, and endpoints remain.
  if redis.call('EXISTS', P .. 'webhooks', P .. 'outbox') == 0 then redis.call('UNLINK', P .. 'counters') end
  local hour = math.floor(clock.now / 3600000)
  for back = 0, HOURS do
    local text = string.format('%.0f', hour - back)
    redis.call('UNLINK', P .. 'stats_minutes:' .. text, P .. 'stats_hour:' .. text)
  end
end

-- Notes that the namespace is deleted.
local function note() redis.call('SET', P .. 'deleted', 1, 'EX', DAY) end

return {begin = begin, is_empty = is_empty, is_deleted = is_deleted, clean = clean, note = note}
