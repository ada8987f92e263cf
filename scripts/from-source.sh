#!/bin/sh
# Builds a checkout, for install.sh: sh scripts/from-source.sh SOURCES WORK DATA [QUIET]
# In WORK it makes a tree as a release has it, and prints its folder, or that of the version in DATA which was
# built from the very same sources. SOURCES stays as it is. Packages are verified against package-lock.json, Node
# against scripts/runtime.lock; no package's own install script runs.

set -u
# Nobody who builds needs a token.
unset HF_TOKEN HUGGING_FACE_HUB_TOKEN
sources=$1 work=$2 data=$3 quiet=${4:-} app=$2/app child=''

say() { [ -n "$quiet" ] || printf '%s\n' "$*" >&2; }

# fail STATUS MESSAGE HINT
fail() {
  printf 'install.sh: %s\n  %s\n' "$2" "$3" >&2
  exit "$1"
}

has() { command -v "$1" >/dev/null 2>&1; }

disk_full() { fail 7 "$1 could not be written in $work." "Is the disk full? Free some space, then run this again."; }

stop() {
  trap '' HUP INT TERM
  if [ -n "$child" ]; then kill "$child" && wait "$child"; fi 2>/dev/null
  exit "$1"
}
trap 'stop 129' HUP
trap 'stop 130' INT
trap 'stop 143' TERM

show_log() { [ ! -f "$work/log" ] || tail -n 15 "$work/log" | sed 's/^/  | /' >&2; }

# step NAME COMMAND…: quiet while it goes well, the end of its output where it doesn't.
step() {
  name=$1
  shift
  # In the background, so that a signal is answered right away.
  "$@" </dev/null >"$work/log" 2>&1 &
  child=$!
  if wait "$child"; then
    child=
    return
  fi
  child=
  show_log
  if grep -qE 'ENOSPC|No space left' "$work/log"; then
    fail 7 "The disk is full: $name failed." "Free some space, then run this again."
  elif grep -qE 'ENOTFOUND|EAI_AGAIN|ECONN(REFUSED|RESET)|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|SOCKET_TIMEOUT|FETCH_ERROR|_CERT|E40[134]|E5[0-9][0-9]' "$work/log"; then
    fail 5 "The package registry can't be reached: $name failed." \
      "Check the network and \"npm config get registry\", then run this again."
  elif grep -q 'EINTEGRITY' "$work/log"; then
    fail 6 "A package doesn't match its hash in package-lock.json." "Nothing was installed. Try \"npm cache clean --force\"."
  fi
  fail 1 "$name failed; its last lines are above." "Nothing was installed. A version that was installed before still works."
}

# --- which sources these are ----------------------------------------------------------

version_of() { sed -n 's/^ *"version": "\(.*\)",$/\1/p' "$1/package.json" | head -n 1; }

# What a build needs, in the current folder.
parts() {
  for part in package.json package-lock.json .npmrc tsconfig.json LICENSE bin src assets scripts; do
    [ ! -e "$part" ] || printf '%s\n' "$part"
  done
}

# A name for exactly these sources: the version, and a hash of every file that is used.
identify() {
  CDPATH='' cd -- "$1" || exit 1
  # shellcheck disable=SC2046 # the parts are words without spaces
  hash=$(find $(parts) -type f -exec sha256sum {} + | LC_ALL=C sort | sha256sum | cut -c 1-12)
  printf '%s-%s-%s\n' "$(version_of .)" "$arch" "$hash"
}

# Does this version run, and say which it is?
answers() {
  [ -x "$1/bin/heros" ] && [ -f "$1/app/package.json" ] &&
    [ "$("$1/bin/heros" --version 2>/dev/null </dev/null)" = "$(version_of "$1/app")" ]
}

# --- packages -------------------------------------------------------------------------

# Sets `registry` if npm is missing and packages must be downloaded without it.
find_npm() {
  registry=
  if has npm && npm_version=$(npm --version 2>/dev/null </dev/null); then
    case $npm_version in
      [1-6].*) fail 4 "npm $npm_version is too old." "heros needs npm 7 or newer, and any Node that it runs on." ;;
    esac
    return
  fi
  registry=${npm_config_registry:-${NPM_CONFIG_REGISTRY:-}}
  for file in "${HOME:-}/.npmrc" /etc/npmrc /usr/etc/npmrc; do
    if [ -n "$registry" ] || [ ! -r "$file" ]; then continue; fi
    registry=$(sed -n 's/^ *registry *= *//p' "$file" | tail -n 1 | tr -d '"')
  done
  [ -n "$registry" ] || fail 4 "npm is missing, and building needs it." \
    "Install it (on Debian and Ubuntu: sudo apt-get install npm), or name a registry to download it from: NPM_CONFIG_REGISTRY=<address> sh install.sh"
}

download() {
  if has curl; then
    step "downloading $1" curl -fsSL --retry 3 -o "$2" "$1"
  elif has wget; then
    step "downloading $1" wget -q -O "$2" "$1"
  else
    fail 4 "Neither curl nor wget is installed to download $1." "Install one of them, then run this again."
  fi
}

# The pinned archive NAME in the working folder, verified against scripts/runtime.lock.
fetch_pinned() {
  archive=$1
  if [ -n "$registry" ]; then
    download "${registry%/}/${archive%-*}/-/$archive" "$work/$archive"
  else
    step "downloading ${archive%.tgz}" run_npm pack "${archive%-*}@$(printf '%s' "${archive##*-}" | sed 's/\.tgz$//')" \
      --ignore-scripts --loglevel=error --pack-destination "$work"
  fi
  (CDPATH='' cd -- "$work" && grep "  $archive\$" "$app/scripts/runtime.lock" | sha512sum -c) >/dev/null 2>&1 ||
    fail 6 "$archive doesn't match its hash in scripts/runtime.lock." "Nothing was installed. Is the registry a mirror that changes packages?"
}

# npm in the copied sources, whatever it is on this machine. For `step` alone: it does not come back.
run_npm() {
  CDPATH='' cd -- "$app" || exit 1
  if [ -z "$registry" ]; then
    exec npm "$@"
  else
    # curl and wget trust the system's certificates; npm should do no less.
    export PATH="$work/node:$PATH" NODE_USE_SYSTEM_CA=1
    exec "$node" "$work/npm/package/bin/npm-cli.js" --registry "$registry" "$@"
  fi
}

# Node for this machine, alone: heros brings its own and leaves the machine's as it is.
fetch_node() {
  archive=$(sed -n "s/^.*  \(node-linux-$arch-.*\.tgz\)\$/\1/p" "$app/scripts/runtime.lock")
  node_version=${archive#node-linux-"$arch"-}
  say "  Node ${node_version%.tgz}"
  fetch_pinned "$archive"
  mkdir "$work/node"
  tar -xzf "$work/$archive" -C "$work/node" package/bin/node 2>"$work/log" || disk_full "$archive"
  node=$work/node/node
  mv "$work/node/package/bin/node" "$node"
  "$node" --version >"$work/log" 2>&1 </dev/null || {
    show_log
    fail 4 "Programs in $work can't be run." \
      "Is that disk mounted noexec, or the system's C library older than 2.28? Choose another folder: sh install.sh --prefix DIR"
  }
}

# --- the whole ------------------------------------------------------------------------

build() {
  say "Building heros $(version_of "$sources")"
  mkdir -p "$app"
  (
    CDPATH='' cd -- "$sources" || exit 1
    # shellcheck disable=SC2046 # as above
    tar -cf - $(parts)
  ) | tar -xf - -C "$app" 2>/dev/null || disk_full "A copy of the sources"
  # Of the copy, for the sources may change meanwhile.
  id=$(identify "$app")
  find_npm
  fetch_node
  if [ -n "$registry" ]; then
    archive=$(sed -n 's/^.*  \(npm-.*\.tgz\)$/\1/p' "$app/scripts/runtime.lock")
    fetch_pinned "$archive"
    mkdir "$work/npm"
    tar -xzf "$work/$archive" -C "$work/npm" 2>/dev/null || disk_full "$archive"
  fi
  say "  packages"
  # The only script of a package that is wanted fetches Node, which is here.
  step "npm ci" run_npm ci --include=dev --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error \
    --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=8000
  say "  program"
  step "the build" "$node" "$app/scripts/build.ts"
  step "the build" "$node" "$app/scripts/release/tree.ts" --out "$work/tree" --node "$node" --platform "linux-$arch" --id "$id"
  answers "$work/tree" || fail 1 "The build does not run." "This is a bug in heros; please report it with the lines above."
}

case $(uname -m) in aarch64 | arm64) arch=arm64 ;; *) arch=x64 ;; esac
for tool in tail head sha512sum; do
  has "$tool" || fail 4 "The command $tool is missing." "Install it with the package manager, then run this again."
done
id=$(identify "$sources")
for version in "$data/versions/$id" "$data/versions/$id".*; do
  if answers "$version"; then
    printf '%s\n' "$version"
    exit
  fi
done
build
printf '%s\n' "$work/tree"
