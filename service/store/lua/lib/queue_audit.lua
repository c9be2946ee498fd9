-- Compares the names of queues, and the lines in which they wait for job types, with their jobs and settings.
-- Uses: keys, queue_names, ready_lines, pending_tasks, audit_findings
local P
local note = audit_findings.note
-- Job types of one queue that a call looks at.
local AT_MOST = 1000

local function begin() P = keys.prefix end

local function is_open(queue, name)
  return redis.call('ZSCORE', keys.queue(queue, 'types'), name)
    or redis.call('ZSCORE', keys.queue(queue, 'keyed'), name)
end

-- A queue exists while it has jobs or settings, or had settings; a flow that is being stored creates its queues first.
local function check_name(queue)
  local listed = redis.call('ZSCORE', P .. 'queues', queue)
  local configured = redis.call('EXISTS', P .. 'queue:' .. queue, keys.queue(queue, 'keys')) > 0
    or redis.call('HEXISTS', P .. 'defaults', queue) == 1
  local exists = configured or queue_names.has_jobs(queue)
  if exists and not listed then
    note('missing_entry', P .. 'queues', '', queue .. ' has jobs or settings',
      function() redis.call('ZADD', P .. 'queues', 0, queue) end)
  elseif listed and not exists and not pending_tasks.mention('admit') then
    note('dangling_entry', P .. 'queues', '', queue .. ' has neither jobs nor settings',
      function() queue_names.forget(queue) end)
  end
end

local function check(queue)
  check_name(queue)
  local keyed = keys.queue(queue, 'keyed')
  for _, name in ipairs(redis.call('ZRANGE', keyed, 0, AT_MOST - 1)) do
    if not keys.head(keys.queue(queue, 'lanes:' .. name)) then
      note('dangling_entry', keyed, '', name .. ' has no open lanes', function()
        redis.call('ZREM', keyed, name)
        ready_lines.follow(queue, name)
      end)
    end
  end
end

-- ready:<type> has queues with open lanes of the type, and `ready` says how many.
local function check_line(name)
  local line = P .. 'ready:' .. name
  for _, queue in ipairs(redis.call('ZRANGE', line, 0, AT_MOST - 1)) do
    if not is_open(queue, name) then
      note('dangling_entry', line, '', queue .. ' has no open lanes', function() ready_lines.follow(queue, name) end)
    end
  end
  local count, listed = redis.call('ZCARD', line), redis.call('ZSCORE', P .. 'ready', name)
  if tonumber(listed or 0) ~= count then
    note('wrong_count', P .. 'ready', '', name .. ': ' .. (listed or 0) .. ' instead of ' .. count, function()
      if count > 0 then redis.call('ZADD', P .. 'ready', count, name) else redis.call('ZREM', P .. 'ready', name) end
    end)
  end
end

return {begin = begin, check = check, check_line = check_line}
