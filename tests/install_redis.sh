#!/usr/bin/env bash
# Make .cache/redis/redis-server a Redis 7.0 or newer: the machine's own, or Debian's with its libraries.
# REDIS_DOWNLOAD=1 ignores the machine's own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/install_debian_tool.sh

target=.cache/redis/redis-server
need="redis-server 7.0 or newer"

is_redis_7() {
    "$1" --version 2>/dev/null | grep -Eq '^Redis server v=([7-9]|[1-9][0-9])\.'
}

provide "$target" is_redis_7 "${REDIS_DOWNLOAD:-}"
# A minimal machine lacks the libraries, and they do no harm on one that has them.
unpack .cache/redis "$need" redis-server redis-tools libatomic1 libjemalloc2 liblzf1 libssl3 libsystemd0 libcap2 \
    libgcrypt20 libgpg-error0 liblz4-1 liblzma5 libzstd1 libstdc++6 libgcc-s1

# exec keeps the process id, so the server still gets the signal that ends it with its parent.
cat >"$target" <<'WRAPPER'
#!/bin/sh
root="$(dirname "$(readlink -f "$0")")/root"
libraries="$(echo "$root"/lib/*-linux-gnu* "$root"/usr/lib/*-linux-gnu* | tr ' ' ':')"
LD_LIBRARY_PATH="$libraries" exec "$root/usr/bin/redis-server" "$@"
WRAPPER
chmod +x "$target"
is_redis_7 "$target" || fail "$target does not run: put $need on PATH."
