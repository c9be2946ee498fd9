-- What this call has yet to write, and the only state that libraries share. They note their changes here;
-- writer.write() writes them, one command per key, so a job or lane that changes twice is written once.
local batch
local WRITTEN = {
  'added', 'removed', 'changed', 'woken', 'rates', 'lanes', 'served', 'heads', 'busy', 'freed', 'freed_queues',
  'closing',
}

local function add(key, score, member)
  local list = batch.added[key]
  if not list then
    batch.added[key] = {score, member}
    return
  end
  local count = #list
  list[count + 1], list[count + 2] = score, member
end

local function remove(key, member)
  local list = batch.removed[key]
  if list then list[#list + 1] = member else batch.removed[key] = {member} end
end

local function note_change(id)
  local ids = batch.changed
  ids[#ids + 1] = id
end

-- For a job of this type in this queue; what is noted twice is noted once.
local function wake(queue, name) batch.woken[queue .. ',' .. name] = {queue = queue, name = name} end

local function count_rate(queue, field)
  local counts = batch.rates[queue]
  if not counts then
    counts = {}
    batch.rates[queue] = counts
  end
  counts[field] = (counts[field] or 0) + 1
end

local function count_member(group, state, by)
  local deltas = batch.members[group]
  if not deltas then
    deltas = {}
    batch.members[group] = deltas
  end
  deltas[state] = (deltas[state] or 0) + by
end

-- Behind a write. What consequences.lua works through stays, and so do tables without anything in them.
local function clear()
  batch.earliest_due = nil
  for _, name in ipairs(WRITTEN) do
    if next(batch[name]) then batch[name] = {} end
  end
end

batch = {
  -- Sorted sets: key -> score, member, ... and key -> member, ...
  added = {}, removed = {},
  -- Ids of jobs and groups, for processes that watch them; job types of queues, for idle workers; the first due time.
  changed = {}, woken = {}, earliest_due = nil,
  -- Queue -> enqueued, finished or failed -> count.
  rates = {},
  -- Lanes that jobs entered or left, by key, and the times of their last starts.
  lanes = {}, served = {},
  -- What a claim knows of lanes and of their orders, which spares the writer to read it: `first`, `score`, `rank`.
  -- Nothing may be kept there any more once another job moved in the middle of the claim (unique_keys.lua).
  heads = {}, heads_hold = true,
  -- Limiters: running jobs that they gained or lost, those that lost some, and when those that close open again.
  busy = {}, freed = {}, freed_queues = {}, closing = {},
  -- Group -> state -> by how many more of its members are in it.
  members = {},
  -- Jobs and groups that ended and that others wait for, and the earliest end of a retention.
  ended = {}, first_end = math.huge,
  add = add, remove = remove, note_change = note_change, wake = wake, count_rate = count_rate,
  count_member = count_member, clear = clear,
}
return batch
