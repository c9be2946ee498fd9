-- What quotas count as stored bytes: texts, and an estimate for everything else (docs/adr/0055). What a record counts
-- for follows from it and from its dependencies, so deleting it returns what it was charged.
-- Uses: keys, batch, counted, texts
local P
-- In this order: a job, or a group, with its places in indexes; the result of a deleted job; a dependency, which both
-- of its jobs have; a job in the list of its flow; a tag in its index.
local JOB, GROUP, END, DEPENDENCY, MEMBER, TAG = 1024, 1024, 512, 256, 128, 128
-- Lists of a job, and how many texts they keep.
local KEPT = {attempts = 50, logs = 1000}
-- The field of a record that counts what it has in other keys. That of a group also counts the group itself.
local FURTHER = 'further_bytes'

local function begin() P = keys.prefix end

-- Counts bytes that this record has in other keys, until it is deleted.
local function add(record, bytes)
  redis.call('HINCRBY', record, FURTHER, bytes)
  batch.stored = batch.stored + bytes
end

-- Appends a text to a list of this job, which keeps the last ones.
local function append(record, list, text)
  local bytes = #text
  if redis.call('RPUSH', record .. ':' .. list, text) > KEPT[list] then
    bytes = bytes - #redis.call('LPOP', record .. ':' .. list)
  end
  add(record, bytes)
end

-- Makes a job depend on another; `edge` is the condition and the id.
local function put_dependency(id, name, edge)
  local fresh = redis.call('HSET', P .. 'job:' .. id .. ':dependencies', name, edge)
  batch.stored = batch.stored + DEPENDENCY * fresh
end

-- Lists a job in its flow.
local function put_member(group, key, id)
  local record = P .. 'group:' .. group
  if redis.call('HSET', record .. ':jobs', key, id) == 1 then add(record, MEMBER + #key) end
end

-- The tags of a job, joined by \0.
local function of_tags(text)
  if text == '' then return 0 end
  local _, separators = string.gsub(text, '%z', '')
  return #text + TAG * (separators + 1)
end

local function further(record) return tonumber(redis.call('HGET', record, FURTHER) or 0) end

local function of_dependencies(record) return DEPENDENCY * redis.call('HLEN', record .. ':dependencies') end

local function of_record(record)
  local total = JOB + of_tags(redis.call('HGET', record, 'tags') or '') + further(record)
  for name in pairs(texts.PIECES) do total = total + texts.size(record, name) end
  return total
end

local function of_job(record) return of_record(record) + of_dependencies(record) end

-- For a record that is about to be deleted, while its dependencies stay.
local function forget_record(record)
  if counted.on() then batch.stored = batch.stored - of_record(record) end
end

-- For a job that is about to be deleted.
local function forget_job(record)
  if counted.on() then batch.stored = batch.stored - of_job(record) end
end

-- For a group that is about to be deleted.
local function forget_group(record)
  if counted.on() then batch.stored = batch.stored - further(record) end
end

return {
  begin = begin, JOB = JOB, GROUP = GROUP, END = END, DEPENDENCY = DEPENDENCY, MEMBER = MEMBER, FURTHER = FURTHER,
  add = add, append = append, put_dependency = put_dependency, put_member = put_member, of_tags = of_tags,
  further = further, of_dependencies = of_dependencies, of_job = of_job, forget_record = forget_record,
  forget_job = forget_job, forget_group = forget_group,
}
