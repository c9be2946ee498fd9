#!lua flags=allow-oom
-- Forget finished jobs: those past their retention, or the ones that are named.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now   ARGV[2] jobs at most when none is named   ARGV[3..] job ids
-- Returns {pruned, then per named job: moved | illegal (it has not finished) | missing}
-- Uses: index
local ids, answer, pruned = {}, {0}, 0
for i = 3, #ARGV do ids[#ids + 1] = ARGV[i] end
local named = #ids > 0
if not named then ids = redis.call('ZRANGEBYSCORE', P .. 'retention', '-inf', now, 'LIMIT', 0, ARGV[2]) end
for _, id in ipairs(ids) do
  local job, key, word = load(id), P .. 'job:' .. id, 'moved'
  if not job then
    word = 'missing'
    append(removed, P .. 'retention', id)
  elseif not FINISHED[job.state] then
    word = 'illegal'
  else
    leave(id, job)
    release_unique(id, job)
    for tag in string.gmatch(redis.call('HGET', key, 'tags') or '', '[^%z]+') do append(removed, P .. 'tag:' .. tag, id) end
    redis.call('UNLINK', key, key .. ':attempts', key .. ':logs')
    changed[#changed + 1] = id
    pruned = pruned + 1
  end
  if named then answer[#answer + 1] = word end
end
if pruned > 0 then redis.call('HINCRBY', P .. 'counters', 'pruned', pruned) end
flush()
answer[1] = pruned
return answer
