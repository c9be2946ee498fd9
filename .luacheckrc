-- What Redis gives to a script, and the libraries in service/store/lua/lib with what they export; scripts.py makes them
-- locals. Which file may use which library is the subject of tests/contract/test_lua_names.py.
local lfs = require 'lfs'
local LIBRARIES = 'service/store/lua/lib/'

local any = {other_fields = true}
local known = {
  redis = {fields = {call = {}, sha1hex = {}}}, KEYS = any, ARGV = any, string = any, math = any, table = any,
  error = {}, ipairs = {}, next = {}, pairs = {}, tonumber = {}, unpack = {},
}

-- A library exports the fields of the table that it returns, or those of the table with its own name.
local function exports(library)
  local fields, text = {}, io.open(LIBRARIES .. library .. '.lua'):read('*a')
  local returned = string.match(text, '\nreturn (%b{})\n$') or string.match(text, '\nlocal ' .. library .. '[^={]*= (%b{})')
  for name in string.gmatch(returned or '', '([%w_]+) =') do fields[name] = any end
  for name in string.gmatch(text, '\nfunction ' .. library .. '%.([%w_]+)') do fields[name] = any end
  return fields
end

for file in lfs.dir(LIBRARIES) do
  local name = string.match(file, '^(.*)%.lua$')
  if name then known[name] = {fields = exports(name)} end
end
-- What a call has yet to write is the only state that libraries share.
known.batch = {other_fields = true, read_only = false}

std = {read_globals = known}
max_line_length = 120
max_cyclomatic_complexity = 24
