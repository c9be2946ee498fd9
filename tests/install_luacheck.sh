#!/usr/bin/env bash
# Make .cache/luacheck/luacheck the linter of the Lua scripts: the machine's own, or Debian's with its dependencies.
# LUACHECK_DOWNLOAD=1 ignores the machine's own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/install_debian_tool.sh

target=.cache/luacheck/luacheck

runs() {
    "$1" --version >/dev/null 2>&1
}

provide "$target" runs "${LUACHECK_DOWNLOAD:-}"
unpack .cache/luacheck luacheck lua-check lua-argparse lua-filesystem lua5.1 liblua5.1-0

cat >"$target" <<'WRAPPER'
#!/bin/sh
root="$(dirname "$(readlink -f "$0")")/root"
export LUA_PATH="$root/usr/share/lua/5.1/?.lua;$root/usr/share/lua/5.1/?/init.lua"
export LUA_CPATH="$(echo "$root"/usr/lib/*-linux-gnu*/lua/5.1)/?.so"
LD_LIBRARY_PATH="$(echo "$root"/usr/lib/*-linux-gnu*)" exec "$root/usr/bin/lua5.1" "$root/usr/bin/luacheck" "$@"
WRAPPER
chmod +x "$target"
runs "$target" || fail "$target does not run: put luacheck on PATH."
