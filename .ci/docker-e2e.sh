#!/bin/sh
# Brings Annie online on a real Docker engine, with stand-ins for the images: see test/docker. Needs root, on Debian 12.
#   bash .ci/docker-e2e.sh
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/node_modules/.bin:$PATH
. .ci/docker-engine.sh

open_work

if [ ! -e dist/cli/main.js ]; then npm run --silent build; fi
start_engine "$work/engine"
install_registry
install_systemd
install_acl
mkdir "$work/images" "$work/tmp"
.ci/docker-images.sh "$work/images"
TMPDIR=$work/tmp vitest run --config test/e2e.config.ts test/docker
