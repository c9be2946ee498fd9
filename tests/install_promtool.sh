#!/usr/bin/env bash
# Make .cache/prometheus/promtool the rules checker of Prometheus: the machine's own, or Debian's.
# PROMTOOL_DOWNLOAD=1 ignores the machine's own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/install_debian_tool.sh

target=.cache/prometheus/promtool

runs() {
    "$1" --version >/dev/null 2>&1
}

provide "$target" runs "${PROMTOOL_DOWNLOAD:-}"
unpack .cache/prometheus promtool prometheus

mv .cache/prometheus/root/usr/bin/promtool "$target"
rm -r .cache/prometheus/root
runs "$target" || fail "$target does not run: put promtool on PATH."
