#!/usr/bin/env bash
# Make .cache/bench/wrk/wrk the machine's own wrk, or Debian's with its libraries.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/install_debian_tool.sh

target=.cache/bench/wrk/wrk

is_wrk() {
    # It exits with an error after it has printed its version.
    [[ "$("$1" --version 2>/dev/null)" == wrk* ]]
}

provide "$target" is_wrk ""
unpack .cache/bench/wrk wrk wrk libluajit-5.1-2 libluajit-5.1-common libssl3

cat >"$target" <<'WRAPPER'
#!/bin/sh
root="$(dirname "$(readlink -f "$0")")/root"
libraries="$(echo "$root"/lib/*-linux-gnu* "$root"/usr/lib/*-linux-gnu* | tr ' ' ':')"
LD_LIBRARY_PATH="$libraries" exec "$root/usr/bin/wrk" "$@"
WRAPPER
chmod +x "$target"
is_wrk "$target" || fail "$target does not run."
