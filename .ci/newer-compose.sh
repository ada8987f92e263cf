#!/bin/sh
# What Docker pulls itself, with composes newer than Debian's, which tell how far a pull is; and what they make of the bases
# that people have, with ours after them. Builds them from their Go modules;
# without Go there is nothing to do. Needs root, and Debian 12.
#   bash .ci/newer-compose.sh
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/node_modules/.bin:$PATH
. .ci/docker-engine.sh

if ! command -v go >/dev/null 2>&1; then
    echo "Go is not installed: no newer compose is tried."
    exit 0
fi

open_work

# build MODULE VERSION: compose as a plugin below $work/VERSION. Modules with replacements can't be had by `go install`.
build() {
    source=$(go mod download -json "$1@$2" | sed -n 's/^.*"Dir": "\(.*\)",$/\1/p')
    cp -r "$source" "$work/source-$2"
    chmod -R u+w "$work/source-$2"
    mkdir -p "$work/$2/cli-plugins"
    (cd "$work/source-$2" && CGO_ENABLED=0 go build -buildvcs=false -mod=mod -trimpath \
        -ldflags "-s -w -X $1/internal.Version=$2" -o "$work/$2/cli-plugins/docker-compose" ./cmd)
}

if [ ! -e dist/cli/main.js ]; then npm run --silent build; fi
start_engine "$work/engine"
install_registry
mkdir "$work/images" "$work/tmp"
.ci/docker-images.sh "$work/images"
for compose in github.com/docker/compose/v2@v2.40.3 github.com/docker/compose/v5@v5.6.0; do
    version=${compose#*@}
    build "${compose%@*}" "$version"
    DOCKER_CONFIG=$work/$version docker compose version
    DOCKER_CONFIG=$work/$version TMPDIR=$work/tmp \
        vitest run --config test/e2e.config.ts test/docker/images.e2e.ts -t 'in a setup, Docker pulls|registry refuses'
    DOCKER_CONFIG=$work/$version TMPDIR=$work/tmp \
        vitest run --config test/e2e.config.ts test/docker/users-bases.e2e.ts
done
