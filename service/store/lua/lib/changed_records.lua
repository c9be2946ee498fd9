-- The ids of jobs and groups that have changed while an audit counts them: it reads them again.
-- Uses: keys
local P
-- The member of `watched` by which an audit asks for them, and how long the set is kept after the last change.
local AUDIT, KEPT_MS = '|audit', 60000

local function begin() P = keys.prefix end

local function note(ids)
  redis.call('SADD', P .. 'audit_changes', unpack(ids))
  redis.call('PEXPIRE', P .. 'audit_changes', KEPT_MS)
end

-- For records that change without an event: only if an audit counts now.
local function note_quietly(ids)
  if #ids > 0 and redis.call('ZSCORE', P .. 'watched', AUDIT) then note(ids) end
end

return {begin = begin, AUDIT = AUDIT, note = note, note_quietly = note_quietly}
