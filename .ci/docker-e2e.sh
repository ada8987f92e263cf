#!/bin/sh
# Brings Annie and other stacks online on a real Docker engine, with stand-ins for the images: see test/docker. Needs root,
# on Debian 12.
#   bash .ci/docker-e2e.sh [FILE…]      all of test/docker/*.e2e.ts where none is named
# Two files at a time, as each mostly waits: for a server that is slow on purpose, or a container's health check. Each has
# an engine and a network of its own, so that they may use the same ports, and mounts of its own.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/node_modules/.bin:$PATH
. .ci/docker-engine.sh

# Docker writes a layer to the disk before it goes on, and with it all that others have written there.
in_memory() {
    mkdir "$1"
    available=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB$/\1/p' /proc/meminfo)
    [ "$available" -lt 12000000 ] || mount -t tmpfs tmpfs "$1"
}

# Tests the files that nobody else has taken, until none is left: in a network that has only itself.
worker() {
    shared=$1
    shift
    ip link set lo up
    mkdir "$work/engine" "$work/images" "$work/tmp"
    in_memory "$work/engine/data"
    cp -R "$shared/config" "$work/engine/config"
    cp -R "$shared/busybox" "$work/images/busybox"
    start_engine "$work/engine"
    .ci/docker-images.sh "$work/images"
    failed=0
    for file in "$@"; do
        mkdir "$shared/taken/${file##*/}" 2>/dev/null || continue
        TMPDIR=$work/tmp vitest run --config test/e2e.config.ts "$file" || failed=1
    done
    exit "$failed"
}

open_work
if [ "${1:-}" = --worker ]; then
    shift
    worker "$@"
fi

if [ ! -e dist/cli/main.js ]; then npm run --silent build; fi
install_engine
install_compose "$work"
install_registry
install_systemd
install_acl
install_ip
.ci/docker-images.sh --busybox "$work"
mkdir "$work/taken"
# The longest first, so that both end at about the same time.
if [ $# = 0 ]; then set -- test/docker/*.e2e.ts; fi
# shellcheck disable=SC2046
set -- $(ls -S "$@")
unshare --net --mount sh .ci/docker-e2e.sh --worker "$work" "$@" &
one=$!
unshare --net --mount sh .ci/docker-e2e.sh --worker "$work" "$@" &
other=$!
failed=0
wait "$one" || failed=1
wait "$other" || failed=1
exit "$failed"
