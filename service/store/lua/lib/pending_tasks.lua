-- What pending tasks are about: while a task is pending, what it concerns may look wrong (tasks.lua).
-- Uses: keys
local P, words
-- With more tasks than this, a call does not look at them, and an audit leaves everything to the next cycle.
local AT_MOST = 500

local function begin() P, words = keys.prefix, nil end

local function read()
  words = {}
  local tasks = redis.call('ZRANGE', P .. 'tasks', 0, AT_MOST)
  words.many = #tasks > AT_MOST
  for _, task in ipairs(tasks) do
    for word in string.gmatch(task, '%S+') do words[word] = true end
  end
end

-- Whether a task has this word: a verb, or the id of a job or group.
local function mention(word)
  if not words then read() end
  return words.many or words[word] or false
end

return {begin = begin, mention = mention}
