#!/usr/bin/env bash
# Make buildah and debootstrap available, and .cache/image/base.tar: Debian 12 with its Python 3.11, which stands in
# for the Dockerfile's base image where no image registry is reachable.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

fail() {
    echo "triage: $*" >&2
    exit 1
}

[ "$(id -u)" = 0 ] || fail "the image test must run as root: it builds and mounts file systems."

missing=()
for tool in buildah debootstrap; do
    command -v "$tool" >/dev/null || missing+=("$tool")
done
if [ "${#missing[@]}" != 0 ]; then
    command -v apt-get >/dev/null || fail "the image test needs ${missing[*]}."
    echo "    installing ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
        ca-certificates debian-archive-keyring util-linux >/dev/null
fi

target=.cache/image
if [ ! -f "$target/base.tar" ]; then
    echo "    making the base image's stand-in with debootstrap"
    rm -rf "$target/root"
    mkdir -p "$target"
    # In a separate mount namespace, so that leftover mounts disappear instead of being packed or deleted.
    unshare --mount debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$target/root" \
        >"$target/debootstrap.log" 2>&1 || fail "debootstrap failed: $(tail -n 3 "$target/debootstrap.log")"
    # The certificates that this machine trusts, so that pip in the build can reach the same hosts.
    cp /etc/ssl/certs/ca-certificates.crt "$target/root/etc/ssl/certs/ca-certificates.crt"
    rm -rf "$target"/root/var/cache/apt/archives/*.deb "$target"/root/var/lib/apt/lists/*
    tar -C "$target/root" -cf "$target/base.tar.part" .
    mv "$target/base.tar.part" "$target/base.tar"
    rm -rf "$target/root"
fi
