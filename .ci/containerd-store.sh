#!/bin/sh
# Gives images to a Docker that keeps them in containerd's store, as a fresh Docker 29 does: Debian 13's engine in a system of
# its own, and heros outside of it. Needs root and Debian 12 with a network; 2 GB below /tmp, and five minutes.
#   bash .ci/containerd-store.sh [-t NAME]      the tests of that name alone
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/node_modules/.bin:$PATH
. .ci/docker-engine.sh

work=$(mktemp -d)
system=$work/system
# Seen at the same path from inside: containers mount folders of it.
shared=$work/shared
engine_log=$work/dockerd.log
engine=

clean_up() {
    status=$?
    trap - EXIT
    if [ -n "$engine" ]; then
        docker ps -aq | xargs -r docker rm -f >/dev/null 2>&1 || true
        kill "$engine" 2>/dev/null || true
        wait "$engine" 2>/dev/null || true
    fi
    # What is mounted is so for the engine's processes alone, and goes with the last of them.
    rm -rf --one-file-system "$work"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

make_system() {
    command -v debootstrap >/dev/null 2>&1 || {
        apt-get update -q
        DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends debootstrap
    }
    # The machine's own archive.
    archive=$(sed -n 's/^URIs: *//p; s/^deb \(\[.*\] \)\{0,1\}\([^ ]*\) bookworm main.*/\2/p' \
        /etc/apt/sources.list /etc/apt/sources.list.d/*debian* 2>/dev/null | head -n 1)
    debootstrap --variant=minbase trixie "$system" "${archive:-http://deb.debian.org/debian}"
    cp /etc/resolv.conf "$system/etc/resolv.conf"
    # Nothing is started by a package.
    printf '#!/bin/sh\nexit 101\n' >"$system/usr/sbin/policy-rc.d"
    chmod 755 "$system/usr/sbin/policy-rc.d"
    (inside "DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends docker.io docker-cli docker-compose")
    mkdir -p "$system/etc/docker"
    echo '{"features": {"containerd-snapshotter": true}, "bridge": "none", "iptables": false, "ip6tables": false, "ip-forward": false}' \
        >"$system/etc/docker/daemon.json"
}

# Runs a command in the new system, whose root it sees as its own: with chroot alone, what runs in a container would see this
# machine's. All that is mounted for it is mounted in its own namespace. Takes the place of the shell that calls it.
inside() {
    exec unshare --mount --propagation private sh -euc '
        system=$1 shared=$2
        mount --bind "$system" "$system"
        mkdir -p "$shared" "$system$shared" "$system/.host"
        mount --bind "$shared" "$system$shared"
        mount -t proc proc "$system/proc"
        mount --rbind /sys "$system/sys"
        mount --rbind /dev "$system/dev"
        cd "$system"
        pivot_root . .host
        exec chroot . sh -euc "umount -l /.host; exec sh -euc \"\$1\"" sh "$3"' sh "$system" "$shared" "$1"
}

start() {
    export DOCKER_CONFIG="$work/config" DOCKER_HOST="unix://$shared/engine/docker.sock"
    mkdir -p "$DOCKER_CONFIG/cli-plugins" "$shared/engine" "$shared/tmp"
    install_engine
    cp "$system/usr/libexec/docker/cli-plugins/docker-compose" "$DOCKER_CONFIG/cli-plugins/"
    inside "exec dockerd --data-root $shared/engine/data --exec-root $shared/engine/exec \
        --pidfile $shared/engine/dockerd.pid --host $DOCKER_HOST \
        --containerd-namespace heros-test --containerd-plugins-namespace heros-test-plugins" >"$engine_log" 2>&1 &
    # The engine's own: each command that led there was replaced by the next.
    engine=$!
    tries=0
    until docker info >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ "$tries" -gt 120 ] || ! kill -0 "$engine" 2>/dev/null; then
            echo "The Docker engine did not start:" >&2
            tail -n 20 "$engine_log" >&2
            return 1
        fi
        sleep 0.5
    done
    docker info --format '{{.ServerVersion}}, {{.Driver}}, {{.DriverStatus}}'
    docker info --format '{{.DriverStatus}}' | grep -q io.containerd.snapshotter
}

if [ ! -e dist/cli/main.js ]; then npm run --silent build; fi
mkdir -p "$shared"
make_system >"$work/system.log" 2>&1 || {
    tail -n 20 "$work/system.log" >&2
    exit 1
}
start
install_registry
mkdir "$work/images"
.ci/docker-images.sh "$work/images"
TMPDIR=$shared/tmp vitest run --config test/e2e.config.ts test/docker/hand-over.e2e.ts test/docker/images.e2e.ts "$@"
