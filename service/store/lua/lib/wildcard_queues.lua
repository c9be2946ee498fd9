-- Prelude of weighted_queues.lua: the queues behind the star, which share one place in the rounds: its weight is theirs together, and they take
-- turns there in the order of their lines (ready:<type>).
-- A script may have 200 local names, so those of no use elsewhere stand in a block.
local lines, had_turn, leave_star, star_in_turn, line_up_star, write_lines = {}, {}, nil, nil, nil, nil
do
  -- Looks that come to nothing in one claim at most: what they find closed has left the line for the next claim.
  local LOOKED_AT_MOST = 200
  -- Lines with so many queues in all are read whole, so that a queue that stands in several of them is counted once.
  local COUNTED_AT_MOST = 256
  -- The lines of the worker's types; the queues that were read from them, in order; those that have had a turn.
  local waiting, at, had_turn_at, seen, horizon, looks = {}, 1, 1, {}, -math.huge, 0

  -- Reads on in every line that has more. Up to `horizon` nobody is missing in `waiting`.
  local function read_lines()
    local rest = {}
    for i = at, #waiting do rest[#rest + 1] = waiting[i] end
    waiting, at, horizon = rest, 1, math.huge
    for _, line in ipairs(lines) do
      if not line.ended then
        local raw = redis.call('ZRANGE', P .. 'ready:' .. line.name, line.from, line.from + line.size - 1, 'WITHSCORES')
        for i = 1, #raw, 2 do
          local found = seen[raw[i]]
          if found then
            found.place = math.min(found.place, tonumber(raw[i + 1]))
            found.types[#found.types + 1] = line.name
          elseif not listed[raw[i]] then
            found = {name = raw[i], place = tonumber(raw[i + 1]), types = {line.name}}
            seen[raw[i]] = found
            waiting[#waiting + 1] = found
          end
        end
        line.ended = #raw < line.size * 2
        line.from, line.size = line.from + line.size, line.size * 2
        if not line.ended then horizon = math.min(horizon, tonumber(raw[#raw])) end
      end
    end
    table.sort(waiting, function(one, other) return one.place < other.place end)
  end

  -- A queue leaves the star with its weight and its part of the credit.
  function leave_star()
    local credit = credit_of(star) * (star.count - 1) / star.count
    star.count, star.weight, total = star.count - 1, star.weight - everything_else, total - everything_else
    star.credit = credit - star.weight * rounds
    star.queue = nil
  end

  local function may_start(types_of)
    for _, name in ipairs(types_of) do if free[name] ~= 0 then return true end end
  end

  -- The next queue behind the star: first those that have had no turn in this claim.
  local function next_in_line()
    if at > #waiting or waiting[at].place > horizon then
      if horizon < math.huge then read_lines() end
    end
    local found = waiting[at]
    if found then
      at = at + 1
      if may_start(found.types) then return new_queue(found.name, 0, 0) end
      -- It may stand in another line, too.
      seen[found.name] = nil
      return next_in_line()
    end
    found = had_turn[had_turn_at]
    had_turn_at = had_turn_at + 1
    return found
  end

  -- Whether a queue behind the star has a turn; it is then in `star.queue`.
  function star_in_turn()
    while star.count > 0 do
      star.queue = star.queue or next_in_line()
      if not star.queue then return false end
      if in_turn(star.queue) then return true end
      leave_star()
      looks = looks + 1
      if looks == LOOKED_AT_MOST then skipped = true; return false end
    end
  end

  -- `sum` queues stand in the lines, `most` in the longest of them.
  function line_up_star(sum, most)
    local size = math.ceil(slots / jobs_in_a_turn) + 2
    if #lines > 1 then size = sum <= COUNTED_AT_MOST and COUNTED_AT_MOST or math.max(4, math.floor(COUNTED_AT_MOST / #lines)) end
    for _, line in ipairs(lines) do line.size = size + #named end
    read_lines()
    local count = horizon == math.huge and #waiting or most
    star = {name = '*', count = count, alone = count == 1, weight = everything_else * count, credit = star_credit * count, queue = nil}
    enter_round(star)
  end

  -- Behind flush(): what had a turn goes to the end of its lines, what is closed leaves them.
  function write_lines()
    local places, turns = {}, {}
    for _, queue in ipairs(looked) do
      for _, name in ipairs(queue.closed and queue.names or queue.paused) do close_type(queue.name, name) end
      if queue.served and not queue.closed and not star.alone then turns[#turns + 1] = queue end
    end
    if #turns == 0 then return end
    local turn = redis.call('INCRBY', P .. 'turn', #turns) - #turns
    for i, queue in ipairs(turns) do
      for _, name in ipairs(queue.names) do append(places, name, turn + i, queue.name) end
    end
    for name, list in pairs(places) do redis.call('ZADD', P .. 'ready:' .. name, 'XX', unpack(list)) end
  end
end
