-- Long texts of a record. A hash is small while none of its values is longer than PIECE bytes, so a text is stored in
-- pieces, <name>, <name>.1, <name>.2 and so on, unless it is too long for that (docs/adr/0037).
-- Uses: batch, counted
local PIECE = 64
-- Pieces at most; beyond that, a hash table costs less time than they do.
local PIECES = {payload = 4, options = 4, result = 4, error = 4, callback = 4}
-- Names of pieces, by the name of the text.
local PIECE_NAMES = {}

-- The names of the pieces after the first.
local function rest_of(name)
  local found = PIECE_NAMES[name]
  if not found then
    found = {}
    for i = 1, PIECES[name] - 1 do found[i] = name .. '.' .. i end
    PIECE_NAMES[name] = found
  end
  return found
end

-- Adds a field to the fields of a write.
local function push(fields, field, value)
  local count = #fields
  fields[count + 1], fields[count + 2] = field, value
end

-- Adds a text that may be long.
local function put(fields, name, text)
  local size, count = #text, #fields
  batch.stored = batch.stored + size
  fields[count + 1] = name
  if size <= PIECE or size > PIECE * PIECES[name] then
    fields[count + 2] = text
    return
  end
  fields[count + 2] = string.sub(text, 1, PIECE)
  local rest, at = rest_of(name), count + 3
  for i = 1, math.ceil(size / PIECE) - 1 do
    fields[at], fields[at + 1] = rest[i], string.sub(text, PIECE * i + 1, PIECE * (i + 1))
    at = at + 2
  end
end

-- The length of a text.
local function size(key, name)
  local bytes = redis.call('HSTRLEN', key, name)
  local total = bytes
  for _, piece in ipairs(PIECES[name] and bytes == PIECE and rest_of(name) or {}) do
    if bytes < PIECE then break end
    bytes = redis.call('HSTRLEN', key, piece)
    total = total + bytes
  end
  return total
end

-- Removes a text, also before a new one replaces it.
local function drop(key, name)
  if counted.on() then batch.stored = batch.stored - size(key, name) end
  redis.call('HDEL', key, name, unpack(rest_of(name)))
end

local function read(key, name)
  local first = redis.call('HGET', key, name)
  if not first or #first ~= PIECE then return first end
  local pieces = redis.call('HMGET', key, unpack(rest_of(name)))
  for i, piece in ipairs(pieces) do pieces[i] = piece or '' end
  return first .. table.concat(pieces)
end

return {push = push, put = put, drop = drop, size = size, read = read, PIECES = PIECES}
