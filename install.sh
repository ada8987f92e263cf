#!/bin/sh
# Installs heros under your home and starts it. No root, no change outside the folders
# that it names. Everything is in functions, and the last lines call them, so that half
# a download does nothing. See docs/install.md.

set -u

usage() {
  cat <<'TEXT'
sh install.sh [--demo] [flags of heros setup]

Builds heros from this checkout, installs it under your home, and starts `heros setup`.

  --demo            the whole setup on a simulated machine: no Docker, no GPU, nothing kept
  --no-setup        install, and start nothing (also --install-only)
  --prefix DIR      install below DIR instead of ~/.local
  --rollback        go back to the version that was installed before
  --uninstall       remove heros; models, the stack and your answers stay
  --help            this text

All other flags go to `heros setup`: --yes asks nothing, --dry-run changes nothing.
HEROS_SOURCE=<folder, archive or git address> says where the sources are, where this
script does not stand among them.
TEXT
}

say() { printf '%s\n' "$*" >&2; }

# fail STATUS MESSAGE HINT: the statuses are those of heros (README.md).
fail() {
  say "install.sh: $2"
  [ -z "${3:-}" ] || say "  $3"
  exit "$1"
}

has() { command -v "$1" >/dev/null 2>&1; }

# --- what was asked -------------------------------------------------------------------

# Prints what kind of flag it is to `heros setup`. A test compares this list with its --help.
setup_flag() {
  case $1 in
    --yes | -y | --dry-run | --demo | --keep-demo | --allow-unsupported | --json | --no-color) echo alone ;;
    --quiet | -q | --verbose | -v) echo alone ;;
    --demo-speed | --tiers | --token-file | --keep-token | --storage | --startup | --stack-dir | --cache-dir) echo value ;;
    --endpoint | --catalog | --limit-rate | --max-connections | --max-lanes | --port | --annie-timeout) echo value ;;
    --output | --config) echo value ;;
    *) echo unknown ;;
  esac
}

# Is this argument among the others?
among() {
  wanted=$1
  shift
  for each in "$@"; do
    [ "$each" != "$wanted" ] || return 0
  done
  return 1
}

# --- where things go ------------------------------------------------------------------

# absolute_or DEFAULT DIR: a relative folder in an XDG variable does not count, as the XDG Base Directory Specification says.
absolute_or() {
  case $2 in /*) printf '%s\n' "$2" ;; *) printf '%s\n' "$1" ;; esac
}

other_folder="Set HOME, or name a folder: sh install.sh --prefix DIR"

choose_folders() {
  if [ -n "$prefix" ]; then
    case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
    data=$prefix/share/heros
    bin=$prefix/bin
    return
  fi
  case ${HOME:-} in
    /*) ;;
    "") fail 4 "HOME is not set, so there is no place to install to." "$other_folder" ;;
    *) fail 4 "HOME is no absolute path: $HOME" "$other_folder" ;;
  esac
  data=$(absolute_or "$HOME/.local/share" "${XDG_DATA_HOME:-}")/heros
  bin=$HOME/.local/bin
}

# make_folder DIR: exits 4 where that can't be, 7 where the disk is full.
make_folder() {
  if complaint=$(mkdir -p "$1" 2>&1) && [ -w "$1" ]; then return; fi
  case $complaint in *"No space left"*) fail 7 "The disk is full: $1 can't be made." "Free some space, then run this again." ;; esac
  fail 4 "$1 can't be written to." "Choose another folder: sh install.sh --prefix DIR"
}

# The deepest parent that is there, for df.
existing_parent() {
  folder=$1
  while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
  printf '%s\n' "$folder"
}

# --- what the machine has -------------------------------------------------------------

check_machine() {
  [ "$(uname -s)" = Linux ] || fail 4 "heros runs on Linux; this is $(uname -s)." \
    "On the machine that will run Annie: sh install.sh"
  case $(uname -m) in
    aarch64 | arm64) arch=arm64 ;;
    x86_64 | amd64) arch=x64 ;;
    *) fail 4 "heros runs on arm64 and x86-64; this is $(uname -m)." "There is no build for this machine." ;;
  esac
  for tool in tar gzip find sort sed df sha256sum sha512sum; do
    has "$tool" || fail 4 "The command $tool is missing." "Install it with the package manager, then run this again."
  done
  if [ "$(id -u)" = 0 ] && [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ]; then
    fail 2 "heros installs under your own home and needs no sudo." "Run it as $SUDO_USER: sh install.sh"
  fi
}

# Building takes about 600 MB for a while, 300 MB for good.
check_disk() {
  free_kb=$(df -Pk "$(existing_parent "$data")" | sed -n '$p' | sed 's/  */ /g' | cut -d ' ' -f 4)
  case $free_kb in '' | *[!0-9]*) return ;; esac
  [ "$free_kb" -ge 800000 ] || fail 7 \
    "Installing needs 0.8 GB at $data, and $((free_kb / 1000)) MB are free." \
    "Free some space, or choose another disk: sh install.sh --prefix DIR"
}

# --- the sources ----------------------------------------------------------------------

is_heros() { [ -f "$1/package.json" ] && grep -q '^  "name": "heros",$' "$1/package.json"; }

# Sets `source`: the folder with the sources. Fetched ones go to the staging folder.
find_sources() {
  asked=${HEROS_SOURCE:-}
  if [ -n "$asked" ]; then
    if [ -d "$asked" ] && is_heros "$asked"; then
      source=$(CDPATH='' cd -- "$asked" && pwd)
    else
      fetch_sources "$asked"
    fi
    return
  fi
  if [ "$(basename -- "$0")" = install.sh ] && [ -f "$0" ]; then
    source=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
    if is_heros "$source" && [ -d "$source/src" ]; then return; fi
  fi
  fail 2 "The sources of heros are not here." \
    "Run \"sh install.sh\" in a checkout, or name one: HEROS_SOURCE=<folder, archive or git address> sh install.sh"
}

fetch_sources() {
  begin_staging
  say "Fetching the sources of heros from $1"
  mkdir -p "$stage/fetched"
  case $1 in
    *.tar.gz | *.tgz)
      case $1 in
        http://* | https://*) fetch "$1" "$stage/fetched.tgz" ;;
        *) cp "$1" "$stage/fetched.tgz" 2>/dev/null || fail 2 "There is no archive $1." "Check HEROS_SOURCE." ;;
      esac
      if [ -n "${HEROS_SOURCE_SHA256:-}" ]; then
        printf '%s  %s\n' "$HEROS_SOURCE_SHA256" "$stage/fetched.tgz" | sha256sum -c >/dev/null 2>&1 ||
          fail 6 "$1 has not the SHA-256 that HEROS_SOURCE_SHA256 gives." "Nothing was installed. Fetch it again, or ask who gave you the sum."
      fi
      tar -xzf "$stage/fetched.tgz" -C "$stage/fetched" 2>/dev/null || fail 1 "$1 is not a whole archive." "Fetch it again."
      rm -f "$stage/fetched.tgz"
      ;;
    *)
      has git || fail 4 "git is missing, and HEROS_SOURCE is no archive." "Install git, or give the address of a .tar.gz."
      git clone --quiet --depth 1 -- "$1" "$stage/fetched/heros" </dev/null >"$stage/log" 2>&1 || {
        show_log
        fail 5 "The sources could not be fetched from $1." "Check HEROS_SOURCE and the network, then run this again."
      }
      ;;
  esac
  for source in "$stage/fetched" "$stage/fetched"/*; do
    if is_heros "$source"; then return; fi
  done
  fail 2 "What HEROS_SOURCE names holds no heros." "Check the address: $1"
}

# fetch ADDRESS FILE
fetch() {
  if has curl; then
    curl -fsSL --retry 3 -o "$2" "$1" </dev/null >"$stage/log" 2>&1 && return
  elif has wget; then
    wget -q -O "$2" "$1" </dev/null >"$stage/log" 2>&1 && return
  else
    fail 4 "Neither curl nor wget is there to fetch $1." "Install one of them, then run this again."
  fi
  show_log
  fail 5 "$1 could not be fetched." "Check the network, then run this again."
}

version_of() { sed -n 's/^  "version": "\(.*\)",$/\1/p' "$1/package.json"; }

parts() {
  for part in package.json package-lock.json .npmrc tsconfig.json tsconfig.build.json \
    install.sh LICENSE README.md bin src assets docs scripts; do
    [ ! -e "$1/$part" ] || printf '%s\n' "$part"
  done
}

# A name for exactly these sources: the version, and a hash over every file that is used.
identify() {
  hash=$(
    CDPATH='' cd -- "$1" || exit 1
    # shellcheck disable=SC2046 # the parts are words without spaces
    find $(parts .) -type f -exec sha256sum {} + | LC_ALL=C sort | sha256sum | cut -c 1-12
  )
  printf '%s-%s-%s\n' "$(version_of "$1")" "$arch" "$hash"
}

# --- one installation at a time, and no debris ----------------------------------------

begin_staging() {
  [ -z "$stage" ] || return 0
  make_folder "$data"
  if ! mkdir "$data/installing" 2>/dev/null; then
    other=$(cat "$data/installing/pid" 2>/dev/null)
    if [ -n "$other" ] && kill -0 "$other" 2>/dev/null; then
      fail 1 "Another installation is running (PID $other)." "Let it finish, then run this again."
    fi
    rm -rf "$data/installing"
    mkdir "$data/installing" || fail 1 "Can't create $data/installing." "Is another installation running?"
  fi
  stage=$data/installing
  trap 'end_staging' EXIT
  trap 'interrupted 129' HUP
  trap 'interrupted 130' INT
  trap 'interrupted 143' TERM
  echo $$ >"$stage/pid"
}

end_staging() {
  [ -n "$stage" ] || return 0
  rm -rf "$stage"
  stage=
  # Only empty ones go.
  rmdir "$data" "$bin" 2>/dev/null
  trap - EXIT HUP INT TERM
}

interrupted() {
  trap '' HUP INT TERM
  if [ -n "$child" ]; then
    kill "$child" 2>/dev/null
    wait "$child" 2>/dev/null
  fi
  say "install.sh: stopped. Nothing was changed; run it again to go on."
  exit "$1"
}

show_log() { [ ! -f "$stage/log" ] || tail -n 15 "$stage/log" | sed 's/^/  | /' >&2; }

# step NAME COMMAND…: quiet while it goes well, the end of its output where it doesn't.
step() {
  name=$1
  shift
  # In the background, so that a signal is answered at once.
  "$@" </dev/null >"$stage/log" 2>&1 &
  child=$!
  if wait "$child"; then
    child=
    return
  fi
  child=
  show_log
  if grep -qE 'ENOSPC|No space left' "$stage/log"; then
    fail 7 "The disk is full: $name did not end." "Free some space, then run this again."
  elif grep -qE 'ENOTFOUND|EAI_AGAIN|ECONN(REFUSED|RESET)|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|SOCKET_TIMEOUT|FETCH_ERROR|_CERT|E40[134]|E5[0-9][0-9]' "$stage/log"; then
    fail 5 "The package registry gave no answer that helps: $name did not end." \
      "Check the network and \"npm config get registry\", then run this again."
  elif grep -q 'EINTEGRITY' "$stage/log"; then
    fail 6 "A package has not the hash that package-lock.json gives." "Nothing was installed. Try \"npm cache clean --force\"."
  fi
  fail 1 "$name failed; its last lines stand above." "Nothing was installed; a version that was there before still works."
}

# --- building -------------------------------------------------------------------------

# The pinned archive NAME in the staging folder, checked against scripts/runtime.lock.
fetch_pinned() {
  archive=$1
  if [ -n "$registry" ]; then
    package=${archive%-*}
    fetch "${registry%/}/$package/-/$archive" "$stage/$archive"
  else
    step "fetching ${archive%.tgz}" run_npm pack "${archive%-*}@$(printf '%s' "${archive##*-}" | sed 's/\.tgz$//')" \
      --ignore-scripts --loglevel=error --pack-destination "$stage"
  fi
  (CDPATH='' cd -- "$stage" && grep "  $archive\$" "$app/scripts/runtime.lock" | sha512sum -c) >/dev/null 2>&1 ||
    fail 6 "$archive has not the hash that scripts/runtime.lock gives." "Nothing was installed. Is the registry a mirror that changes packages?"
}

# Sets `registry` where npm is missing and packages must be fetched without it.
check_npm() {
  registry=
  if has npm && npm_version=$(npm --version 2>/dev/null </dev/null); then
    case $npm_version in
      [1-6].*) fail 4 "npm $npm_version is too old." "heros needs npm 7 or newer, and any Node that it runs on." ;;
    esac
    return
  fi
  registry=${npm_config_registry:-${NPM_CONFIG_REGISTRY:-}}
  for file in "${HOME:-}/.npmrc" /etc/npmrc /usr/etc/npmrc; do
    [ -z "$registry" ] && [ -r "$file" ] || continue
    registry=$(sed -n 's/^ *registry *= *//p' "$file" | tail -n 1 | tr -d '"')
  done
  [ -n "$registry" ] || fail 4 "npm is missing." \
    "Install it (on Debian and Ubuntu: sudo apt-get install npm), or say which registry to take it from: NPM_CONFIG_REGISTRY=<address> sh install.sh"
}

# Node for this machine, alone: heros brings its own and leaves the machine's as it is.
build_runtime() {
  archive=$(sed -n "s/^.*  \(node-linux-$arch-.*\.tgz\)\$/\1/p" "$app/scripts/runtime.lock")
  node_version=${archive#node-linux-"$arch"-}
  say "  Node ${node_version%.tgz}"
  fetch_pinned "$archive"
  mkdir "$stage/version/runtime"
  tar -xzf "$stage/$archive" -C "$stage/version/runtime" package/bin/node 2>"$stage/log" ||
    fail 7 "$archive could not be unpacked." "Is the disk full? Free some space, then run this again."
  mv "$stage/version/runtime/package/bin/node" "$stage/version/runtime/node"
  rm -rf "$stage/version/runtime/package" "${stage:?}/$archive"
  node=$stage/version/runtime/node
  "$node" --version >"$stage/log" 2>&1 </dev/null || {
    show_log
    fail 4 "Programs in $data can't be run." "Is that disk mounted noexec, or the system's C library older than 2.28? Choose another folder: sh install.sh --prefix DIR"
  }
}

# npm in the staged sources, whatever it is on this machine. For `step` alone: it does not come back.
run_npm() {
  CDPATH='' cd -- "$app" || exit 1
  if [ -z "$registry" ]; then
    exec npm "$@"
  else
    # curl and wget trust the system's certificates; npm should do no less.
    export PATH="$stage/version/runtime:$PATH" NODE_USE_SYSTEM_CA=1
    exec "$node" "$stage/npm/package/bin/npm-cli.js" --registry "$registry" "$@"
  fi
}

build() {
  say "Building heros $(version_of "$source")"
  app=$stage/version/app
  mkdir -p "$app"
  (
    CDPATH='' cd -- "$source" || exit 1
    # shellcheck disable=SC2046
    tar -cf - $(parts .)
  ) | tar -xf - -C "$app" || fail 7 "The sources could not be copied to $stage." "Is the disk full? Free some space, then run this again."
  id=$(identify "$app")
  check_npm
  build_runtime
  if [ -n "$registry" ]; then
    archive=$(sed -n 's/^.*  \(npm-.*\.tgz\)$/\1/p' "$app/scripts/runtime.lock")
    fetch_pinned "$archive"
    mkdir "$stage/npm"
    tar -xzf "$stage/$archive" -C "$stage/npm" || fail 7 "$archive could not be unpacked." "Is the disk full?"
  fi
  say "  packages"
  # No package's own script is run: the only one that is wanted fetches Node, which is there.
  step "npm ci" run_npm ci --include=dev --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error \
    --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=8000
  say "  program"
  step "the build" "$node" "$app/scripts/build.ts"
  step "npm prune" run_npm prune --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error
  rm -rf "$app/src" "$app/scripts" "$app/tsconfig.json" "$app/tsconfig.build.json" "$app/.npmrc"
  answers "$stage/version" || fail 1 "The build does not run." "This is a fault of heros; please report it with the lines above."
}

# answers FOLDER: does this version run, and say which it is?
answers() {
  [ -x "$1/runtime/node" ] && [ -f "$1/app/package.json" ] &&
    [ "$("$1/runtime/node" "$1/app/bin/heros.js" --version 2>/dev/null </dev/null)" = "$(version_of "$1/app")" ]
}

# --- switching ------------------------------------------------------------------------

# point NAME VERSION: makes the link NAME lead to the version, in one step that can't be seen half done.
point() {
  rm -f "$data/$1.new"
  ln -s "versions/$2" "$data/$1.new" &&
    "$data/versions/$2/runtime/node" -e 'require("fs").renameSync(process.argv[1], process.argv[2])' \
      "$data/$1.new" "$data/$1" </dev/null || fail 1 "$data/$1 can't be changed." "Look at what is there, and run this again."
}

# The version that a link leads to; nothing where there is no link.
pointed() {
  if [ -L "$data/$1" ]; then basename "$(readlink "$data/$1")"; fi
}

quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }

launcher_text() {
  cat <<TEXT
#!/bin/sh
# Starts heros. Written by install.sh; "sh install.sh --uninstall" removes it.
exec $(quoted "$data/current/runtime/node") --max-semi-space-size=2 $(quoted "$data/current/app/bin/heros.js") "\$@"
TEXT
}

is_launcher() { [ -f "$bin/heros" ] && grep -q '^# Starts heros\. Written by install\.sh' "$bin/heros"; }

check_launcher() {
  if [ -e "$bin/heros" ] || [ -L "$bin/heros" ]; then
    is_launcher || fail 4 "$bin/heros is there already, and is not from this installer." \
      "Move it away, or choose another folder: sh install.sh --prefix DIR"
  fi
}

write_launcher() {
  launcher_text >"$bin/.heros.$$" && chmod 755 "$bin/.heros.$$" && mv -f "$bin/.heros.$$" "$bin/heros" || {
    rm -f "$bin/.heros.$$"
    fail 4 "$bin/heros can't be written." "Choose another folder: sh install.sh --prefix DIR"
  }
}

# Puts the staged version in its place. From here on the new one is what runs.
commit() {
  rm -rf "${data:?}/versions/$id"
  mkdir -p "$data/versions"
  mv "$stage/version" "$data/versions/$id" || fail 1 "The new version can't be moved to $data/versions." "The version that was installed before still works."
}

switch_to() {
  trap '' HUP INT TERM
  before=$(pointed current)
  # The first run of a command is quick too, once Node has kept its compiled form.
  NODE_COMPILE_CACHE="$data/versions/$1/app/node_modules/.cache/heros" \
    "$data/versions/$1/runtime/node" "$data/versions/$1/app/dist/cli/warm.js" >/dev/null 2>&1 </dev/null
  point current "$1"
  if [ -n "$before" ] && [ "$before" != "$1" ]; then point previous "$before"; fi
  write_launcher
  for version in "$data/versions"/*; do
    case ${version##*/} in "$1" | "$(pointed previous)") ;; *) rm -rf "$version" ;; esac
  done
}

install() {
  check_machine
  check_launcher
  find_sources
  make_folder "$bin"
  id=$(identify "$source")
  if [ "$(pointed current)" = "$id" ] && answers "$data/current"; then
    if [ "$(cat "$bin/heros" 2>/dev/null)" != "$(launcher_text)" ]; then write_launcher; fi
    end_staging
    say "heros $(version_of "$source") is installed already: $bin/heros"
    return
  fi
  begin_staging
  if ! answers "$data/versions/$id"; then
    check_disk
    build
    commit
  fi
  switch_to "$id"
  end_staging
  say "heros $(version_of "$data/current/app") is installed: $bin/heros"
}

tell_path() {
  case :${PATH:-}: in *:"$bin":*) return ;; esac
  say "  $bin is not on your PATH. To change that, add this line to ~/.profile:"
  say "    export PATH=\"$bin:\$PATH\""
}

rollback() {
  [ -n "$(pointed current)" ] || fail 1 "heros is not installed at $data." "Install it: sh install.sh"
  before=$(pointed previous)
  if [ -z "$before" ] || ! answers "$data/previous"; then
    fail 1 "There is no earlier version to go back to." "Installed now: $(pointed current)"
  fi
  begin_staging
  now=$(pointed current)
  point current "$before"
  [ -z "$now" ] || point previous "$now"
  end_staging
  say "heros $(version_of "$data/current/app") is installed: $bin/heros"
}

# As heros finds them: where the environment says, else where the last setup put them, else the Hub's default.
models_place() {
  named=${HF_HUB_CACHE:-${HUGGINGFACE_HUB_CACHE:-${HF_HOME:+$HF_HOME/hub}}}
  answers="$(absolute_or "${HOME:-~}/.local/state" "${XDG_STATE_HOME:-}")/heros/answers.json"
  [ -n "$named" ] || named=$(sed -n 's/.*"cacheDir":"\([^"]*\)".*/\1/p' "$answers" 2>/dev/null)
  printf '%s\n' "${named:-$(absolute_or "${HOME:-~}/.cache" "${XDG_CACHE_HOME:-}")/huggingface/hub}"
}

uninstall() {
  if [ ! -d "$data" ] && ! is_launcher; then
    say "heros is not installed at $data."
    return
  fi
  if [ -d "$data" ]; then begin_staging; fi
  if is_launcher; then rm -f "$bin/heros"; fi
  rm -rf "${data:?}/versions" "$data/current" "$data/previous" "$data/current.new" "$data/previous.new"
  end_staging
  rmdir "$data" 2>/dev/null
  say "heros is removed. What it fetched and wrote for you is where it was:"
  say "  models     $(models_place)"
  say "  the stack  ${HOME:-~}/her-os, unless you chose another folder"
  say "  answers    $(absolute_or "${HOME:-~}/.local/state" "${XDG_STATE_HOME:-}")/heros"
}

# A token is for heros alone: git, npm and what they start have no use for it.
hide_tokens() {
  hf_token=${HF_TOKEN:-} hub_token=${HUGGING_FACE_HUB_TOKEN:-}
  unset HF_TOKEN HUGGING_FACE_HUB_TOKEN
}

show_tokens() {
  if [ -n "$hf_token" ]; then export HF_TOKEN="$hf_token"; fi
  if [ -n "$hub_token" ]; then export HUGGING_FACE_HUB_TOKEN="$hub_token"; fi
}

# --- the whole ------------------------------------------------------------------------

main() {
  prefix='' stage='' source='' id='' child='' then=setup
  hide_tokens
  left=$#
  while [ "$left" -gt 0 ]; do
    argument=$1
    shift
    left=$((left - 1))
    case $argument in
      --help | -h)
        usage
        exit 0
        ;;
      --no-setup | --install-only) then=nothing ;;
      --rollback) then=rollback ;;
      --uninstall) then=uninstall ;;
      --prefix)
        [ "$left" -gt 0 ] && [ -n "$1" ] || fail 2 "--prefix needs a folder." "sh install.sh --prefix DIR"
        prefix=$1
        shift
        left=$((left - 1))
        ;;
      --prefix=?*) prefix=${argument#--prefix=} ;;
      *)
        case $(setup_flag "${argument%%=*}") in
          alone) set -- "$@" "$argument" ;;
          value)
            set -- "$@" "$argument"
            case $argument in
              *=*) ;;
              *)
                [ "$left" -gt 0 ] || fail 2 "$argument needs a value." "sh install.sh --help"
                set -- "$@" "$1"
                shift
                left=$((left - 1))
                ;;
            esac
            ;;
          *) fail 2 "\"$argument\" is no flag of install.sh or heros setup." "sh install.sh --help lists them." ;;
        esac
        ;;
    esac
  done

  choose_folders
  case $then in
    rollback) rollback ;;
    uninstall) uninstall ;;
    nothing)
      install
      tell_path
      ;;
    setup)
      answers_from=
      if [ ! -t 0 ]; then
        if among --yes "$@" || among -y "$@"; then
          answers_from=/dev/null
        elif (: </dev/tty) 2>/dev/null; then
          answers_from=/dev/tty
        else
          fail 2 "There is no terminal here to ask you on." \
            "Add --yes to take the defaults, or --no-setup to install alone and run \"heros setup\" later."
        fi
      fi
      install
      tell_path
      if [ -n "$answers_from" ]; then exec <"$answers_from"; fi
      show_tokens
      exec "$bin/heros" setup "$@"
      ;;
  esac
}

# A brace that is still open is a syntax error, so not even this can be cut in half.
{
  main "$@"
  exit
}
