#!lua flags=allow-oom
-- Deletes the record of a group.
-- KEYS[1] prefix of the namespace
-- ARGV[1] now (not used)   ARGV[2] group id   ARGV[3] its kind: flow | fan
-- Returns 1
-- Uses: keys, stored_bytes, writer, changed_records
local P, id = keys.prefix, ARGV[2]
local group, limiter = P .. 'group:' .. id, 'fan:' .. id
stored_bytes.forget_group(group)
redis.call('ZREM', P .. 'groups:' .. ARGV[3], id)
redis.call('ZREM', P .. 'group_retention', id)
redis.call('HDEL', P .. 'limiters', limiter)
redis.call('HDEL', P .. 'busy', limiter)
redis.call('ZREM', P .. 'closed_limiters', limiter)
redis.call('UNLINK', P .. 'closed_lanes:' .. limiter, group .. ':jobs', group .. ':items',
  P .. 'job:' .. id .. ':dependents', group)
writer.write()
changed_records.note_quietly({id})
return 1
