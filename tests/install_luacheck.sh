#!/usr/bin/env bash
# Make .cache/luacheck/luacheck the linter of the Lua scripts: the machine's, or else Debian's package with its
# dependencies, unpacked next to the project. Nothing is installed. LUACHECK_DOWNLOAD=1 ignores the machine's linter.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=.cache/luacheck/luacheck

fail() {
    echo "triage: $*" >&2
    exit 1
}

runs() {
    "$1" --version >/dev/null 2>&1
}

if [ -z "${LUACHECK_DOWNLOAD:-}" ] && runs "$target"; then
    exit 0
fi

rm -rf .cache/luacheck
mkdir -p .cache/luacheck/packages

found="$(command -v luacheck || true)"
if [ -z "${LUACHECK_DOWNLOAD:-}" ] && [ -n "$found" ] && runs "$found"; then
    ln -s "$found" "$target"
    exit 0
fi

for tool in apt-get dpkg-deb; do
    command -v "$tool" >/dev/null ||
        fail "make lint needs luacheck on PATH: $tool is missing, so it cannot be downloaded."
done
echo "    downloading Debian's lua-check into .cache/luacheck"
if [ "$(id -u)" = 0 ]; then
    apt-get update -qq
fi
(
    cd .cache/luacheck/packages
    apt-get download -qq -o APT::Sandbox::User=root lua-check lua-argparse lua-filesystem lua5.1 liblua5.1-0
) || fail "luacheck could not be downloaded: put luacheck on PATH."
for package in .cache/luacheck/packages/*.deb; do
    dpkg-deb --extract "$package" .cache/luacheck/root
done
rm -r .cache/luacheck/packages

cat >"$target" <<'WRAPPER'
#!/bin/sh
root="$(dirname "$(readlink -f "$0")")/root"
export LUA_PATH="$root/usr/share/lua/5.1/?.lua;$root/usr/share/lua/5.1/?/init.lua"
export LUA_CPATH="$(echo "$root"/usr/lib/*-linux-gnu*/lua/5.1)/?.so"
LD_LIBRARY_PATH="$(echo "$root"/usr/lib/*-linux-gnu*)" exec "$root/usr/bin/lua5.1" "$root/usr/bin/luacheck" "$@"
WRAPPER
chmod +x "$target"
runs "$target" || fail "$target does not run: put luacheck on PATH."
