#!/bin/sh
# A Docker engine of its own with compose v2, for one run of a test: private folder, private socket, no default bridge,
# no firewall rules, so that an engine that runs here already is neither used nor touched, and nothing stays behind.
#   . .ci/docker-engine.sh; start_engine DIR; …; stop_engine
# Sets DOCKER_HOST and DOCKER_CONFIG. Needs root, and Debian 12 where something has to be installed.
set -eu

# A folder, $work, that is gone at the end of the script, however it ends; and with it the engine.
open_work() {
    work=$(mktemp -d)
    trap leave_work EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

leave_work() {
    status=$?
    trap - EXIT
    stop_engine
    rm -rf "$work"
    exit "$status"
}

install_engine() {
    if command -v dockerd >/dev/null 2>&1 && command -v iptables >/dev/null 2>&1; then
        return
    fi
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y docker.io iptables
}

# `setfacl`, by which heros lets the user of a container read the token.
install_acl() {
    if command -v setfacl >/dev/null 2>&1; then
        return
    fi
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends acl
}

# A registry that a test starts by itself. No service of the package's is wanted.
install_registry() {
    if command -v docker-registry >/dev/null 2>&1; then
        return
    fi
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends docker-registry
    service docker-registry stop >/dev/null 2>&1 || true
}

# Its user instance, which a test starts by itself; a container has none.
install_systemd() {
    if [ -x /usr/lib/systemd/systemd ]; then
        return
    fi
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends systemd
}

# `ip`, by which a network of one's own gets its loopback.
install_ip() {
    if command -v ip >/dev/null 2>&1; then
        return
    fi
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends iproute2
}

# Debian 12 has no compose v2; the next release's package asks for nothing that 12 lacks. It comes into DIR/config, which
# becomes DOCKER_CONFIG.
install_compose() {
    export DOCKER_CONFIG="$1/config"
    mkdir -p "$DOCKER_CONFIG/cli-plugins"
    if docker compose version >/dev/null 2>&1; then
        return
    fi
    apt=$1/apt
    mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/sources"
    for source in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
        case $source in
        *.list | *.sources) test -f "$source" || continue ;;
        *) continue ;;
        esac
        # The machine's own archive, with the next release's name; updates and security are not needed. A line is an
        # entry in one kind of file, a paragraph in the other.
        case $source in *.list) separator='\n' ;; *) separator= ;; esac
        sed 's/bookworm-updates//g' "$source" |
            awk -v RS="$separator" '/bookworm/ && !/security/ { gsub(/bookworm/, "trixie"); print $0 "\n" }' \
                >"$apt/sources/${source##*/}"
        test -s "$apt/sources/${source##*/}" || rm "$apt/sources/${source##*/}"
    done
    if ! ls "$apt"/sources/* >/dev/null 2>&1; then
        echo "No apt source of this machine names Debian 12 (bookworm), so compose v2 can't be had: install it by hand." >&2
        return 1
    fi
    set -- -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt/sources" \
        -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt" -o APT::Sandbox::User=root
    apt-get update -q "$@"
    (cd "$apt" && apt-get download -q docker-compose "$@")
    dpkg-deb -x "$apt"/docker-compose_*.deb "$apt/compose"
    cp "$apt/compose/usr/libexec/docker/cli-plugins/docker-compose" "$DOCKER_CONFIG/cli-plugins/"
    docker compose version
}

start_engine() {
    engine_dir=$1
    engine_pid=
    export DOCKER_HOST="unix://$engine_dir/docker.sock"
    install_engine
    install_compose "$engine_dir"
    # In a session of its own: a signal to the test must not reach it before its containers are gone.
    setsid dockerd --storage-driver=overlay2 --bridge=none --iptables=false --ip6tables=false --ip-forward=false --data-root "$engine_dir/data" --exec-root "$engine_dir/exec" \
        --pidfile "$engine_dir/dockerd.pid" --host "$DOCKER_HOST" \
        --containerd-namespace "heros-test-$$" --containerd-plugins-namespace "heros-test-plugins-$$" \
        >"$engine_dir/dockerd.log" 2>&1 &
    engine_pid=$!
    tries=0
    until docker info >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ "$tries" -gt 60 ] || ! kill -0 "$engine_pid" 2>/dev/null; then
            echo "The Docker engine did not start:" >&2
            tail -n 20 "$engine_dir/dockerd.log" >&2
            return 1
        fi
        sleep 0.5
    done
}

stop_engine() {
    [ -n "${engine_pid:-}" ] || return 0
    docker ps -aq | xargs -r docker rm -f >/dev/null 2>&1 || true
    docker network prune -f >/dev/null 2>&1 || true
    kill "$engine_pid" 2>/dev/null || true
    wait "$engine_pid" 2>/dev/null || true
    # What a container in the host's network leaves; the folder can't be removed with it.
    umount "$engine_dir"/exec/netns/* 2>/dev/null || true
    # Where it was put into memory.
    umount -R "$engine_dir/data" 2>/dev/null || true
    engine_pid=
}
