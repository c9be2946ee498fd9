-- The pending writes of this call, and the only state that libraries share. Libraries add changes here; writer.write()
-- writes them with one command per key, so a job or lane that changes twice is written once.
local batch = {}
local WRITTEN = {
  'added', 'removed', 'changed', 'woken', 'rates', 'lanes', 'served', 'heads', 'busy', 'freed', 'freed_queues',
  'closing', 'limit_keys', 'unique_keys', 'events',
}
-- Scores as texts, each formatted once: formatting costs more than the rest of a member.
local texts

function batch.begin()
  texts = {}
  -- Sorted sets: key -> score, member, ... and key -> member, ...
  batch.added, batch.removed = {}, {}
  -- Ids of jobs and groups, for processes that watch them; job types of queues, for idle workers; the earliest due
  -- time.
  batch.changed, batch.woken, batch.earliest_due = {}, {}, nil
  -- Queue -> enqueued, finished or failed -> count.
  batch.rates = {}
  -- Lanes that jobs entered or left, by key, and when they last started a job.
  batch.lanes, batch.served = {}, {}
  -- What a claim knows of lanes and their orders, to save the writer a read: `first`, `score`, `rank`. No longer valid
  -- once another job moves in the middle of the claim (unique_keys.lua).
  batch.heads, batch.heads_hold = {}, true
  -- Limiters: change in running jobs, limiters with a freed slot, and when limiters that close will open again.
  batch.busy, batch.freed, batch.freed_queues, batch.closing = {}, {}, {}, {}
  -- Group -> state -> change in the number of its members.
  batch.members = {}
  -- What quotas count: bytes of texts, jobs of limit keys, and until when unique keys are held (false = no longer).
  batch.stored, batch.limit_keys, batch.unique_keys = 0, {}, {}
  -- Bytes of new idempotency records, and how long they are kept (ms).
  batch.remembered, batch.remembered_for = 0, 0
  -- Finished jobs and groups with dependents, and the earliest end of a retention.
  batch.ended, batch.first_end = {}, math.huge
  -- Events for webhooks: ids, each followed by its subject, and whether one of them has a callback.
  batch.events, batch.calls_back = {}, false
end

function batch.add(key, score, member)
  local list, text = batch.added[key], texts[score]
  if not text then
    text = string.format('%.17g', score)
    texts[score] = text
  end
  if not list then
    batch.added[key] = {text, member}
    return
  end
  local count = #list
  list[count + 1], list[count + 2] = text, member
end

function batch.remove(key, member)
  local list = batch.removed[key]
  if list then list[#list + 1] = member else batch.removed[key] = {member} end
end

function batch.note_change(id)
  local ids = batch.changed
  ids[#ids + 1] = id
end

-- Wakes workers for a job of this type in this queue; repetitions count once.
function batch.wake(queue, name)
  local names = batch.woken[queue]
  if not names then
    names = {}
    batch.woken[queue] = names
  end
  names[name] = true
end

function batch.count_rate(queue, field)
  local counts = batch.rates[queue]
  if not counts then
    counts = {}
    batch.rates[queue] = counts
  end
  counts[field] = (counts[field] or 0) + 1
end

function batch.count_member(group, state, by)
  local deltas = batch.members[group]
  if not deltas then
    deltas = {}
    batch.members[group] = deltas
  end
  deltas[state] = (deltas[state] or 0) + by
end

-- Counts an unfinished job that a limit key gets (1) or loses (-1).
function batch.count_limit_key(job, by)
  local key = job.queue .. '|' .. job.limit_key
  batch.limit_keys[key] = (batch.limit_keys[key] or 0) + by
end

-- Notes an event for webhooks; outbox.lua knows the forms of `subject`.
function batch.note_event(id, subject)
  local events = batch.events
  local count = #events
  events[count + 1], events[count + 2] = id, subject
  if subject.callback then batch.calls_back = true end
end

-- Call it after a write. It keeps the entries for consequences.lua, and does not replace tables that are empty.
function batch.clear()
  batch.earliest_due, batch.calls_back = nil, false
  for _, name in ipairs(WRITTEN) do
    if next(batch[name]) then batch[name] = {} end
  end
end

return batch
