#!/usr/bin/env bash
# Install the peers of the benchmark into .cache/bench: BullMQ and Fastify with npm, stock arq and FastAPI into a
# virtual environment, and wrk. Does nothing if the same versions are there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/install_debian_tool.sh

target=.cache/bench
versions="$(cat benchmarks/peers/{bullmq/package.json,requirements.txt,install.sh} | sha256sum)"

if [ "$(cat "$target/installed" 2>/dev/null)" = "$versions" ]; then
    exit 0
fi
command -v npm >/dev/null || fail "the benchmark measures BullMQ: install Node 20 or newer with npm."
echo "    installing the peers into $target"
rm -rf "$target/bullmq" "$target/python" "$target/installed"
mkdir -p "$target/bullmq"

cp benchmarks/peers/bullmq/package.json "$target/bullmq/"
(cd "$target/bullmq" && npm install --silent --no-package-lock --no-audit --no-fund >/dev/null) ||
    fail "npm could not install BullMQ and Fastify."

.venv/bin/python -m venv "$target/python"
"$target/python/bin/python" -m pip install --quiet --requirement benchmarks/peers/requirements.txt ||
    fail "pip could not install arq and FastAPI."

benchmarks/load/install_wrk.sh || echo "    without wrk, a client in Python sends the requests"
echo "$versions" >"$target/installed"
