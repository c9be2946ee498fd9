#!/bin/sh
# Run a command as Kubernetes runs the chart's containers: process 1 of its own namespace, read-only root, a fresh /tmp,
# the image's user, no new privileges. run_contained.sh ROOT UID GID DIRECTORY NAME=VALUE... -- COMMAND...
# The network is the machine's.
set -eu
if [ "${CONTAINED:-}" != yes ]; then
    export CONTAINED=yes
    exec unshare --mount --propagation private --pid --fork --kill-child=KILL "$0" "$@"
fi
root="$1" uid="$2" gid="$3" directory="$4"
shift 4
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777,size=64m tmpfs "$root/tmp"
# `env -C` changes the directory after chroot; -i leaves nothing of this machine's environment.
exec setpriv --no-new-privs chroot --userspec="$uid:$gid" --groups="$gid" "$root" env -i -C "$directory" "$@"
