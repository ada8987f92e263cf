# What the scripts here have in common; they source it first. A folder that is gone at the end, as are $server and $beside.
set -eu
cd "$(dirname "$0")/../.."
node=$PWD/node_modules/.bin/node
heros=$PWD/bin/heros.js
work=$(mktemp -d)
server=
beside=
cleanup() {
  for pid in $server $beside; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

skip() {
  echo "SKIPPED: $1"
  exit 0
}

# wait_for SECONDS COMPLAINT COMMAND…: until the command succeeds; else ends with the end of $log, where there is one.
wait_for() {
  tenths=$(($1 * 10))
  complaint=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    tenths=$((tenths - 1))
    if [ "$tenths" = 0 ]; then
      if [ -n "${log:-}" ]; then tail "$log"; fi
      echo "$complaint"
      exit 1
    fi
    sleep 0.1
  done
}

# built NAME MODULE@VERSION: leaves the program in $program
built() {
  command -v go >/dev/null || skip "no Go here, so $1 can't be built"
  if ! GOFLAGS=-mod=mod GOBIN="$work/bin" go install "$2" >"$work/go.log" 2>&1; then
    tail -n 3 "$work/go.log"
    skip "$1 can't be built here"
  fi
  program=$work/bin/$1
}

# with_python PACKAGE: whether it could be installed into $work/venv
with_python() {
  python3 -m venv "$work/venv" >"$work/venv.log" 2>&1 &&
    "$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$1" >"$work/pip.log" 2>&1
}

free_port() {
  "$node" -e 'const s = require("node:net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'
}

# start_hub ARGUMENTS: the embedded Hub, as $beside and at $endpoint; what it says of itself in $work/hub.json
start_hub() {
  "$node" src/demo/hub/serve.ts --detached "$@" >"$work/hub.json" &
  beside=$!
  wait_for 10 "the embedded Hub did not start" test -s "$work/hub.json"
  endpoint=$(sed 's/.*"endpoint":"\([^"]*\)".*/\1/' "$work/hub.json")
}
