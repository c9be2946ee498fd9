#!/usr/bin/env bash
# Make .cache/redis/redis-server a Redis 7.0 or newer: the machine's, or else Debian's package, unpacked next to
# the project. Nothing is installed and no service is started. REDIS_DOWNLOAD=1 ignores the machine's server.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=.cache/redis/redis-server

fail() {
    echo "triage: $*" >&2
    exit 1
}

is_redis_7() {
    "$1" --version 2>/dev/null | grep -Eq '^Redis server v=([7-9]|[1-9][0-9])\.'
}

if [ -z "${REDIS_DOWNLOAD:-}" ] && is_redis_7 "$target"; then
    exit 0
fi

rm -rf .cache/redis
mkdir -p .cache/redis

found="$(command -v redis-server || true)"
if [ -z "${REDIS_DOWNLOAD:-}" ] && [ -n "$found" ] && is_redis_7 "$found"; then
    ln -s "$found" "$target"
    exit 0
fi

for tool in apt-get dpkg-deb; do
    command -v "$tool" >/dev/null ||
        fail "the tests need redis-server 7.0 or newer on PATH: $tool is missing, so it cannot be downloaded."
done
echo "    downloading Debian's redis-server into .cache/redis"
if [ "$(id -u)" = 0 ]; then
    apt-get update -qq
fi
mkdir .cache/redis/packages
# With its libraries, because a minimal machine lacks them.
(
    cd .cache/redis/packages
    apt-get download -qq -o APT::Sandbox::User=root redis-server redis-tools libatomic1 libjemalloc2 liblzf1 \
        libssl3 libsystemd0 libcap2 libgcrypt20 libgpg-error0 liblz4-1 liblzma5 libzstd1 libstdc++6 libgcc-s1
) || fail "redis-server could not be downloaded: put redis-server 7.0 or newer on PATH."
for package in .cache/redis/packages/*.deb; do
    dpkg-deb --extract "$package" .cache/redis/root
done
rm -r .cache/redis/packages

# exec keeps the process id, so the server still gets the signal that ends it with its parent.
cat >"$target" <<'WRAPPER'
#!/bin/sh
root="$(dirname "$(readlink -f "$0")")/root"
libraries="$(echo "$root"/lib/*-linux-gnu* "$root"/usr/lib/*-linux-gnu* | tr ' ' ':')"
LD_LIBRARY_PATH="$libraries" exec "$root/usr/bin/redis-server" "$@"
WRAPPER
chmod +x "$target"
is_redis_7 "$target" || fail "$target does not run: put redis-server 7.0 or newer on PATH."
