#!/bin/sh
# An upgrade from this release to a next one, with real artefacts: see test/release/upgrade.e2e.ts.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/node_modules/.bin:$PATH
if [ ! -e dist/cli/main.js ]; then npm run --silent build; fi
exec vitest run test/release --config test/e2e.config.ts --disable-console-intercept
