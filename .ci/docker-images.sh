#!/bin/sh
# Images that stand in for those of the base compose file, under the very names it gives them, so that it runs as it is
# where no registry can be reached. Annie's is Node with test/docker/annie; the others are a busybox that says it is well.
#   .ci/docker-images.sh WORK_DIR              with DOCKER_HOST set
#   .ci/docker-images.sh --busybox WORK_DIR    fetches what that needs, for a WORK_DIR/busybox where there is no network
set -eu
cd "$(dirname "$0")/.."
only=
if [ "$1" = --busybox ]; then only=busybox && shift; fi
work=$1

if [ ! -e "$work/busybox" ]; then
    (cd "$work" && apt-get download -q -o APT::Sandbox::User=root busybox-static)
    dpkg-deb -x "$work"/busybox-static_*.deb "$work/busybox"
fi
if [ "$only" = busybox ]; then exit 0; fi

# What both kinds share: a shell, and the tools that the health checks of the base file call.
common() {
    mkdir -p "$1/bin" "$1/tmp" "$1/etc"
    cp "$work/busybox/bin/busybox" "$1/bin/busybox"
    for name in sh sleep touch test cat ls wget; do ln -s busybox "$1/bin/$name"; done
}

side=$work/side
common "$side"
cat >"$side/bin/stand-in" <<'END'
#!/bin/sh
echo "a stand-in: $*"
trap 'exit 0' TERM INT
touch /tmp/ready
while :; do sleep 1 & wait $!; done
END
for name in pg_isready redis-cli bash curl wget; do
    rm -f "$side/bin/$name"
    printf '#!/bin/sh\ntest -f /tmp/ready\n' >"$side/bin/$name"
done
chmod 755 "$side"/bin/*

annie=$work/annie
common "$annie"
mkdir -p "$annie/annie" "$annie/usr/bin"
node=$(realpath node_modules/.bin/node)
cp "$node" "$annie/usr/bin/node"
# The loader and the libraries, at the paths where the binary looks for them.
ldd "$node" | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$annie$(dirname "$library")"
    cp -L "$library" "$annie$library"
done
cp test/docker/annie/*.ts "$annie/annie"
# `python -m her_os.bootstrap …`, which is all that a stack asks of her image's Python.
cat >"$annie/bin/python" <<'END'
#!/bin/sh
[ "$1 $2" = "-m her_os.bootstrap" ] || exit 127
shift 2
exec /usr/bin/node /annie/bootstrap.ts "$@"
END
chmod 755 "$annie/bin/python"
# curl as the base's health check calls it: what comes back is printed, whatever its status.
for name in nc sed; do ln -s busybox "$annie/bin/$name"; done
cat >"$annie/bin/curl" <<'END'
#!/bin/sh
answer=$(printf 'GET /health HTTP/1.0\r\n\r\n' | nc 127.0.0.1 8000) && [ -n "$answer" ] || exit 7
printf '%s\n' "$answer" | sed '1,/^\r*$/d'
END
chmod 755 "$annie/bin/curl"

# The services of other stacks: the same Node, asked by its health checks whether its own port answers.
service=$work/service
cp -a "$annie" "$service"
rm -rf "$service/annie"
mkdir -p "$service/service"
cp test/docker/services/stand-in.ts "$service/service"
cat >"$service/bin/curl" <<'END'
#!/bin/sh
for last in "$@"; do :; done
exec wget -q -O /dev/null "$last"
END
printf '#!/bin/sh\nexec wget -q -O /dev/null http://127.0.0.1:11434/api/tags\n' >"$service/bin/ollama"
chmod 755 "$service/bin/curl" "$service/bin/ollama"

import() { # FOLDER ENTRYPOINT IMAGE
    tar -C "$1" -c . | docker import --change "ENTRYPOINT $2" - "$3" >/dev/null
}

POSTGRES_PASSWORD=x NEO4J_PASSWORD=x docker compose -f assets/compose/docker-compose.yml config --images |
    while read -r image; do
        case $image in
        */her-os-core:*) import "$annie" '["/usr/bin/node", "/annie/annie.ts"]' "$image" ;;
        *) import "$side" '["/bin/stand-in"]' "$image" ;;
        esac
    done
import "$service" '["/usr/bin/node"]' heros-stand-in:1
container=$(docker create heros-stand-in:1)
for base in open-webui rma-demo; do
    WEBUI_SECRET_KEY=x docker compose -f "assets/compose/$base.yml" config --images | sort -u |
        while read -r image; do
            # All of them share one layer.
            docker commit --change "ENTRYPOINT [\"/usr/bin/node\", \"/service/stand-in.ts\", \"$image\"]" "$container" "$image" >/dev/null
        done
done
docker rm "$container" >/dev/null
docker images
