#!/usr/bin/env bash
# Make .cache/prometheus/promtool the rules checker of Prometheus: the machine's, or else Debian's package,
# unpacked next to the project. Nothing is installed and no service is started.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=.cache/prometheus/promtool

fail() {
    echo "triage: $*" >&2
    exit 1
}

runs() {
    "$1" --version >/dev/null 2>&1
}

if runs "$target"; then
    exit 0
fi

rm -rf .cache/prometheus
mkdir -p .cache/prometheus/packages

found="$(command -v promtool || true)"
if [ -n "$found" ] && runs "$found"; then
    ln -s "$found" "$target"
    exit 0
fi

for tool in apt-get dpkg-deb; do
    command -v "$tool" >/dev/null ||
        fail "the tests need promtool on PATH: $tool is missing, so it cannot be downloaded."
done
echo "    downloading Debian's prometheus into .cache/prometheus"
if [ "$(id -u)" = 0 ]; then
    apt-get update -qq
fi
(
    cd .cache/prometheus/packages
    apt-get download -qq -o APT::Sandbox::User=root prometheus
) || fail "prometheus could not be downloaded: put promtool on PATH."
dpkg-deb --extract .cache/prometheus/packages/*.deb .cache/prometheus/root
mv .cache/prometheus/root/usr/bin/promtool "$target"
rm -r .cache/prometheus/packages .cache/prometheus/root
runs "$target" || fail "$target does not run: put promtool on PATH."
