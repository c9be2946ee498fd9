#!/usr/bin/env bash
# Make .cache/browser/chromium a headless Chromium: the machine's, or else Debian's package with its dependencies,
# unpacked next to the project. Nothing is installed. BROWSER_DOWNLOAD=1 ignores the machine's browser.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=.cache/browser/chromium

fail() {
    echo "triage: $*" >&2
    exit 1
}

# It must load a page, because --version works even without its libraries and resources.
runs() {
    local profile
    profile="$(mktemp -d)"
    timeout 60 "$1" --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking \
        --disable-component-update --disable-sync --user-data-dir="$profile" --dump-dom \
        'data:text/html,<p>it runs' 2>/dev/null | grep -q 'it runs' || { rm -rf "$profile"; return 1; }
    rm -rf "$profile"
}

if [ -z "${BROWSER_DOWNLOAD:-}" ] && [ -x "$target" ] && runs "$target"; then
    exit 0
fi

rm -rf .cache/browser
mkdir -p .cache/browser

for name in chromium-headless-shell chromium; do
    found="$(command -v "$name" || true)"
    if [ -z "${BROWSER_DOWNLOAD:-}" ] && [ -n "$found" ] && runs "$found"; then
        ln -s "$found" "$target"
        exit 0
    fi
done

for tool in apt-get dpkg-deb; do
    command -v "$tool" >/dev/null ||
        fail "the tests need chromium on PATH: $tool is missing, so it cannot be downloaded."
done
echo "    downloading Debian's chromium-headless-shell into .cache/browser"
if [ "$(id -u)" = 0 ]; then
    apt-get update -qq
fi
mkdir -p .cache/browser/packages/partial
# Only packages that the machine lacks; with fonts, because a page without them has no text to click on.
apt-get install -qq -y --no-install-recommends --download-only -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
    -o Dir::Cache::archives="$PWD/.cache/browser/packages" chromium-headless-shell fonts-dejavu-core >/dev/null ||
    fail "chromium could not be downloaded: put chromium on PATH."
for package in .cache/browser/packages/*.deb; do
    dpkg-deb --extract "$package" .cache/browser/root
done
rm -r .cache/browser/packages

# For a machine without fonts.
cat >.cache/browser/fonts.conf <<'FONTS'
<fontconfig><dir prefix="relative">root/usr/share/fonts</dir></fontconfig>
FONTS

# exec keeps the process id, which the tests need to stop it.
cat >"$target" <<'WRAPPER'
#!/bin/sh
folder="$(dirname "$(readlink -f "$0")")"
root="$folder/root"
libraries="$(echo "$root"/lib/*-linux-gnu* "$root"/usr/lib/*-linux-gnu* "$root"/usr/lib/*-linux-gnu*/pulseaudio | tr ' ' ':')"
[ -e /etc/fonts/fonts.conf ] || export FONTCONFIG_FILE="$folder/fonts.conf"
LD_LIBRARY_PATH="$libraries" exec "$root/usr/lib/chromium/chromium-headless-shell" "$@"
WRAPPER
chmod +x "$target"
runs "$target" || fail "$target does not run: put chromium on PATH."
