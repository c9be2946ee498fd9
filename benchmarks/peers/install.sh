#!/usr/bin/env bash
# Install what Triage is measured against into .cache/bench: BullMQ and Fastify from npm, stock arq and FastAPI into a
# virtual environment, and wrk from the machine or from Debian's package. Nothing is installed when all is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

target=.cache/bench
wanted="$(cat benchmarks/peers/{bullmq/package.json,requirements.txt,install.sh} | sha256sum)"

fail() {
    echo "triage: $*" >&2
    exit 1
}

if [ "$(cat "$target/installed" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi
command -v npm >/dev/null || fail "the benchmark measures BullMQ: install Node 20 or newer with npm."
echo "    installing the peers into $target"
rm -rf "$target/bullmq" "$target/python" "$target/wrk" "$target/installed"
mkdir -p "$target/bullmq" "$target/wrk"

# The scripts are read from where their libraries are: Node looks for those in the folders above a script.
cp benchmarks/peers/bullmq/package.json "$target/bullmq/"
(cd "$target/bullmq" && npm install --silent --no-package-lock --no-audit --no-fund >/dev/null) ||
    fail "npm could not install BullMQ and Fastify."

.venv/bin/python -m venv "$target/python"
"$target/python/bin/python" -m pip install --quiet --requirement benchmarks/peers/requirements.txt ||
    fail "pip could not install arq and FastAPI."

# Without wrk the load comes from a client in Python, which takes CPU from the servers.
if found="$(command -v wrk)"; then
    ln -s "$found" "$target/wrk/wrk"
elif command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
    (
        cd "$target/wrk"
        [ "$(id -u)" != 0 ] || apt-get update -qq
        apt-get download -qq -o APT::Sandbox::User=root wrk libluajit-5.1-2 libluajit-5.1-common libssl3
        for package in *.deb; do dpkg-deb --extract "$package" root; done
        rm ./*.deb
        cat >wrk <<'WRAPPER'
#!/bin/sh
root="$(dirname "$(readlink -f "$0")")/root"
libraries="$(echo "$root"/lib/*-linux-gnu* "$root"/usr/lib/*-linux-gnu* | tr ' ' ':')"
LD_LIBRARY_PATH="$libraries" exec "$root/usr/bin/wrk" "$@"
WRAPPER
        chmod +x wrk
    ) || rm -rf "$target/wrk"
fi
echo "$wanted" >"$target/installed"
