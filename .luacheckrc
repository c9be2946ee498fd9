-- What Redis gives to a script, and the libraries in service/store/lua/lib with what they export; scripts.py makes them
-- locals. Which file may use which library is the subject of tests/contract/test_lua_names.py.
local lfs = require 'lfs'
local LIBRARIES = 'service/store/lua/lib/'

local any = {other_fields = true}
local known = {
  redis = {fields = {call = {}, sha1hex = {}}}, KEYS = any, ARGV = any, string = any, math = any, table = any,
  error = {}, ipairs = {}, next = {}, pairs = {}, tonumber = {}, unpack = {},
}

local function exports(file)
  local fields, text = {}, io.open(LIBRARIES .. file):read('*a')
  for name in string.gmatch(string.match(text, '\nreturn (%b{})\n$') or '', '([%w_]+) =') do fields[name] = any end
  return fields
end

for file in lfs.dir(LIBRARIES) do
  local name = string.match(file, '^(.*)%.lua$')
  if name then known[name] = {fields = exports(file)} end
end
-- What a call has yet to write is the only state that libraries share.
known.batch = {other_fields = true, read_only = false}

std = {read_globals = known}
max_line_length = 120
max_cyclomatic_complexity = 24
