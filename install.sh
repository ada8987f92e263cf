#!/bin/sh
# Installs heros under your home and starts `heros setup`. It needs no root and changes only the folders
# that it names. Each step, and how to do it by hand: docs/install.md
# shellcheck disable=SC2317
# All of it is inside one brace, which only the very last byte closes: cut short anywhere, it does nothing.
{
set -u
# Stamped into a release: the keys that may sign one (of now, and the next), and where releases are.
release_keys=''
release_base=''
usage() {
  cat <<'TEXT'
sh install.sh [--demo] [options of heros setup]
Downloads heros (in a checkout: builds it), verifies its signature, installs it under your home, and starts `heros setup`.

  --demo            the whole setup on a simulated machine: no Docker, no GPU
  --no-setup        install only
  --pre-download-models  download all models instead of starting setup
  --prefix DIR      install below DIR instead of ~/.local
  --modify-path     add the folder of heros to PATH in your shell's startup file
  --from FILE       install this release; SHA256SUMS and SHA256SUMS.sig are beside it
  --from-source     build the checkout that this script is in
  --rollback        return to the previously installed version
  --uninstall       remove heros; models, the stack and your answers stay
  --dry-run         show what would be done, and do none of it
  --quiet, --help
All other options go to `heros setup`; --yes asks nothing. HEROS_VERSION=1.2.3 picks a version,
HEROS_BASE_URL a mirror, HEROS_SOURCE a folder, an archive or a git address to build.
TEXT
}

say() { [ -n "$quiet" ] || printf '%s\n' "$*" >&2; }
has() { command -v "$1" >/dev/null 2>&1; }
# fail STATUS MESSAGE HINT: the statuses are those of heros.
fail() { printf 'install.sh: %s\n  %s\n' "$2" "$3" >&2; exit "$1"; }
full() { fail 7 "$1 can't be written: the disk is full." "Free some space, then run this again."; }
# run COMMAND…: in the background, so that a signal is answered right away.
run() { "$@" </dev/null & child=$!; wait "$child"; set -- $?; child=; return "$1"; }
# start ARGUMENT…: the installed one takes over. find_heros NAME…: that is the first of these links' that starts, or none.
start() { [ -z "$dry" ] || { echo "Would run $heros $*" >&2 && exit; }; umask "$mask"; exec "$heros" "$@"; }
find_heros() { for heros do heros=$data/$heros/bin/heros; "$heros" --version >/dev/null 2>&1 </dev/null && return; done; heros=; }
# absolute_or DEFAULT DIR: a relative folder in an XDG variable doesn't count, as its specification says.
absolute_or() { case $2 in /*) printf '%s\n' "$2" ;; *) printf '%s\n' "$1" ;; esac; }
# The deepest folder of a path that exists.
existing() { there=$1; while [ "$there" ] && [ ! -d "$there" ]; do there=${there%/*}; done; printf '%s\n' "${there:-/}"; }
is_sum() { [ -f "$1" ] && [ "$(sha256sum <"$1" | cut -c 1-64)" = "$2" ]; }
is_heros() { grep -qs '^  "name": "heros",$' "$1/package.json" && [ -d "$1/src" ]; }

check_machine() {
  case $(uname -s):$(uname -m) in
    Linux:aarch64 | Linux:arm64) arch=arm64 ;; Linux:x86_64 | Linux:amd64) arch=x64 ;;
    *) fail 4 "heros runs on Linux on arm64 and x86-64; this is $(uname -s) on $(uname -m)." "Use the machine that will run Annie." ;;
  esac
  case $(getconf LONG_BIT 2>/dev/null):$(getconf GNU_LIBC_VERSION 2>/dev/null || ldd --version 2>&1) in
    32:*) fail 4 "heros needs a 64-bit system; this one has 32 bits." "Install a 64-bit system." ;;
    *musl*) fail 4 "heros needs glibc; this system has musl." "Use DGX OS, Ubuntu or Debian." ;;
    *"glibc 2."[0-9] | *"glibc 2.1"[0-9] | *"glibc 2.2"[0-7]) fail 4 "heros needs glibc 2.28 or newer." "Update the system." ;;
  esac
  for tool in tar gzip find sort grep sed tail cut tr df sha256sum; do
    has "$tool" || fail 4 "The command $tool is missing." "Install it with the package manager, then run this again."; done
}

choose_folders() {
  [ "$(id -u)" != 0 ] || [ "${SUDO_USER:-root}" = root ] ||
    fail 2 "heros installs under your own home and needs no sudo." "Run it as $SUDO_USER: sh install.sh"
  elsewhere="Choose another folder: sh install.sh --prefix DIR"
  if [ -n "$prefix" ]; then
    case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
    data=$prefix/share/heros bin=$prefix/bin top=$prefix cache=$prefix/.heros-install; return
  fi
  case ${HOME:-} in /*) ;; *) fail 4 "HOME is not an absolute path: \"${HOME:-}\"" "Set HOME. $elsewhere" ;; esac
  data=$(absolute_or "$HOME/.local/share" "${XDG_DATA_HOME:-}")/heros bin=$HOME/.local/bin
  top=$(absolute_or "$HOME/.cache" "${XDG_CACHE_HOME:-}") cache=$top/heros/install
}

# begin_work MEGABYTES: sets `work`, a folder for this run alone. Downloads lie beside it, so that the next run resumes.
begin_work() {
  first=$(existing "$top")
  trap end_work EXIT && trap 'cancel 129' HUP && trap 'cancel 130' INT && trap 'cancel 143' TERM
  mkdir -p "$cache" 2>/dev/null || fail 4 "$cache can't be written to." "$elsewhere"
  for place in "$cache" "$data" "$bin"; do
    [ -w "$(existing "$place")" ] || fail 4 "$place can't be written to." "$elsewhere"
    free=$(df -Pk "$(existing "$place")" | sed '$!d' | tr -s ' ' | cut -d ' ' -f 4)
    ! [ "$free" -lt "$1"000 ] 2>/dev/null ||
      fail 4 "heros needs $1 MB in $place; $((free / 1000)) MB are free." "Free some space. $elsewhere"
  done
  exec 9<"$cache"; if has flock && ! flock -n 9; then fail 1 "Another installation is running." "Let it finish, then run this again."; fi
  work=$cache/run
  { rm -rf "$work" && mkdir -p "$work/in" && printf '#!/bin/sh\n' >"$work/runs"; } 2>/dev/null || full "$work"
  { chmod 755 "$work/runs" && "$work/runs"; } 2>/dev/null || fail 4 "Programs in $cache can't be run." "Is it mounted noexec? $elsewhere"
}

# Removes it, and the folders around it that were created for it and are empty.
end_work() {
  trap '' HUP INT TERM
  [ -z "$work" ] || rm -rf "$work"
  there=$cache; while [ "$there" ] && [ "$there" != "$first" ]; do rmdir "$there" 2>/dev/null; there=${there%/*}; done
  exec 9<&-
  trap - EXIT HUP INT TERM
}
cancel() {
  trap '' HUP INT TERM
  if [ -n "$child" ]; then kill "$child" && wait "$child"; fi 2>/dev/null
  fail "$1" "Cancelled." "Run it again to resume."
}

by_curl() {
  exec curl -fLS "${bar:--s}" --proto "=$only" --proto-redir =https --connect-timeout 15 --speed-limit 1 --speed-time 30 \
    -w '%{http_code}' -C - -o "$2" "$1" >"$work/code" 2>"$said"
}
by_wget() {
  [ "$only" = https ] || set -- "$@" --max-redirect=0
  exec wget -nv -S -o "$work/said" ${bar:+--show-progress} -t 1 -T 30 -c -O "$2" "$1" ${3:+"$3"}
}

# fetch ADDRESS FILE [bar]: resumes what is there. Plain http is for this machine alone, and no redirect leads to it.
fetch() {
  case $1 in
    https://*) only=https ;; http://*@*) only='' ;; http://127.0.0.1[:/]* | http://localhost[:/]*) only=http ;; *) only='' ;;
  esac
  [ "$only" ] || fail 2 "heros is downloaded by https only, not from $1" "Check HEROS_BASE_URL and HEROS_SOURCE."
  by=by_curl bar='' said=$work/said url=$1 to=$2 hint="Check the network, then run this again: it resumes."
  has curl || { has wget && by=by_wget; } || fail 4 "heros can't be downloaded without curl or wget." "Install one of them first."
  if [ -z "$quiet" ] && [ -t 2 ] && [ $# = 3 ]; then bar='-#' said=/dev/stderr; fi
  for pause in 1 3 9 0; do
    run "$by" "$url" "$to" && ! grep -qis '^ *location: *http:' "$work/said" && return
    set -- $?
    [ "$by" = by_curl ] || sed -n 's|^ *HTTP/[0-9.]* \([0-9]*\).*|\1|p' "$work/said" | tail -n 1 >"$work/code"
    # Another try changes nothing: no such file, a refused redirect, a certificate. It starts over: a part that doesn't fit.
    case $by:$1:$(cat "$work/code") in *:40[034] | *:410 | *:30? | *curl:60:*) [ -s "$to" ] || rm -f "$to" && break ;;
      *:1:200 | *:33:* | *:416) rm -f "$to" ;; *curl:23:* | *wget:3:*) full "$to" ;;
    esac
    run sleep "$pause"
  done
  case $(cat "$work/code") in 404 | 410) hint="It does not exist. Check HEROS_VERSION, HEROS_BASE_URL and HEROS_SOURCE." ;; esac
  fail 5 "$url could not be downloaded. $(grep -s . "$work/said" | tail -n 1)" "$hint"
}

# Sets `tree` to a release that was unpacked only after its signature and its sum were verified. No flag goes past that.
get_release() {
  case $from in *-linux-$arch.tar.?z) ;; *-linux-*) fail 4 "$from is for another processor." "This machine needs linux-$arch." ;; esac
  [ -z "$from" ] || [ -f "$from" ] || fail 2 "There is no file $from." "sh install.sh --help"
  version=${HEROS_VERSION:-} version=${version#v}; [ "$version$from" ] || latest=yes
  case $version in *[!0-9A-Za-z.+-]*) fail 2 "HEROS_VERSION is no version: $HEROS_VERSION" "Give one like 1.2.3." ;; esac
  has ssh-keygen || fail 6 "ssh-keygen is missing, so the signature of heros can't be verified." \
    "Install it (sudo apt-get install openssh-client), then run this again."
  begin_work 200
  place=${version:+download/v$version} nothing="Nothing was installed." suffix=gz
  for name in SHA256SUMS SHA256SUMS.sig; do
    if [ -z "$from" ]; then fetch "${base%/}/${place:-latest/download}/$name" "$work/$name"; else
      cp "$(dirname -- "$from")/$name" "$work/$name" || fail 6 "$name is missing beside $from." "Copy it there from the same release."
    fi
  done
  printf '%s\n' "$release_keys" >"$work/keys" || full "$work"
  ssh-keygen -Y verify -f "$work/keys" -I release@heros -n heros-release -s "$work/SHA256SUMS.sig" <"$work/SHA256SUMS" >"$work/said" 2>&1 ||
    fail 6 "The signature of SHA256SUMS is wrong: these files are not from the makers of heros." "$nothing"
  if has xz; then suffix=xz; else [ "${from%.xz}" = "$from" ] || fail 4 "$from needs xz." "Install xz-utils, or use the .tar.gz."; fi
  wanted="heros-${version:-[0-9][0-9A-Za-z.+-]*}-linux-$arch\\.tar\\.$suffix"
  [ -z "$from" ] || wanted=$(basename -- "$from")
  line=$(grep -x "[0-9a-f]\{64\}  $wanted" "$work/SHA256SUMS" | sed '1!d')
  [ -n "$line" ] || fail 6 "SHA256SUMS has no release for linux-$arch${version:+ of version $version}${from:+ named $wanted}." "$nothing"
  sum=${line%% *} file=${line#*  }
  archive=${from:-$cache/$file}
  [ -n "$from" ] || is_sum "$archive" "$sum" || fetch "${base%/}/${place:-latest/download}/$file" "$archive" bar
  is_sum "$archive" "$sum" || { rm -f "$cache/$file" && fail 6 "$file doesn't match its checksum." "$nothing"; }
  [ -n "$from" ] || { mv "$archive" "$work/$file" && archive=$work/$file; }
  say "Verified $file"
  tree=$work/in/${file%.tar.*}
  run env LC_ALL=C tar -xf "$archive" -C "$work/in" --no-same-owner --no-same-permissions 2>"$work/said" ||
    case $(cat "$work/said") in '' | *'No space'* | *quota*) full "$work" ;; *) tree=none ;; esac
  # Files and folders below one folder of its name; no links, nothing beside it.
  { [ "$work/in/$(ls -A "$work/in")" = "$tree" ] && [ -z "$(find "$tree" ! -type d ! \( -type f -links 1 \))" ]; } ||
    fail 6 "$file holds what no release holds." "$nothing"
}

# Sets `tree` to a release that is built from the sources, or was built from the very same ones before.
build_sources() {
  begin_work 800 && archive=$sources
  case $sources in
    *.tar.gz | *.tgz)
      case $sources in *://*) archive=$work/sources.tgz && fetch "$sources" "$archive" ;; esac
      [ -z "${HEROS_SOURCE_SHA256:-}" ] || is_sum "$archive" "$HEROS_SOURCE_SHA256" ||
        fail 6 "$sources doesn't match HEROS_SOURCE_SHA256." "Nothing was installed."
      tar -xzf "$archive" -C "$work/in" --no-same-owner || fail 2 "$sources is not a complete archive." "Check HEROS_SOURCE." ;;
    *) [ -d "$sources" ] || run git clone --quiet --depth 1 -- "$sources" "$work/in/heros" ||
      fail 5 "The sources could not be downloaded from $sources." "This needs git. Check HEROS_SOURCE and the network." ;;
  esac
  for folder in "$sources" "$work/in" "$work/in"/* ''; do if is_heros "$folder"; then break; fi; done
  [ -n "$folder" ] || fail 2 "There are no sources of heros in $sources." "Check HEROS_SOURCE."
  run sh "$folder/scripts/from-source.sh" "$folder" "$work" "$data" "$quiet" >"$work/built" || exit
  tree=$(cat "$work/built")
}

install() {
  check_machine
  base=${HEROS_BASE_URL:-$release_base} sources=${HEROS_SOURCE:-}
  if [ -z "$sources$from" ] && [ "$(basename -- "$0")" = install.sh ] && is_heros "$(dirname -- "$0")"; then # the checkout around it
    sources=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
  fi
  [ -n "$sources" ] || { [ -n "$release_keys" ] && [ -z "$from_source" ]; } || fail 2 "The sources of heros are not here." \
    "Run \"sh install.sh\" in a checkout, or name one: HEROS_SOURCE=<folder, archive or git address> sh install.sh"
  [ -z "$dry" ] || { printf 'Would %s\n' "take heros from ${sources:-${from:-$base}}" "unpack it in $cache" "install it in $data" \
    "write $bin/heros" "link man page and completions in ${bin%bin}share${XDG_DATA_HOME:+, ${data%/*}}" \
    ${next:+"run heros $next"} >&2 && exit; }
  if [ -n "$sources" ]; then build_sources; else get_release; fi
  # What is started next must make sense before anything is installed.
  if [ "$next" = pull ]; then set -- --all "$@"; fi
  run "$tree/bin/heros" release install ${prefix:+--prefix "$prefix"} --made-below "$first" ${latest:+--latest} \
    ${quiet:+--quiet} ${modify:+--modify-path} -- "${next:-setup}" "$@" >&2
  set -- $?
  end_work
  case $1 in 0) ;; 126 | 127) fail 4 "Programs in $cache can't be run." "Is it mounted noexec? $elsewhere" ;; *) exit "$1" ;; esac
}

main() {
  prefix='' from='' from_source='' quiet='' dry='' modify='' latest='' next=setup asks=yes work='' child='' mask=$(umask) left=$#
  umask 022
  while [ "$left" -gt 0 ]; do
    argument=$1 left=$((left - 1))
    shift
    case $argument in --prefix | --from)
      [ -n "${1:-}" ] || fail 2 "$argument needs a value." "sh install.sh --help"
      argument=$argument=$1 left=$((left - 1)) && shift ;; esac
    case $argument in
      --help | -h) usage && exit ;;
      --no-setup | --install-only) next= ;;
      --pre-download-models) next=pull ;; --rollback | --uninstall) next=$argument ;;
      --from-source) from_source=yes ;; --modify-path) modify=yes ;; --dry-run) dry=yes ;;
      --prefix=*) prefix=${argument#*=} ;; --from=*) from=${argument#*=} ;;
      *) case $argument in --quiet | -q) quiet=yes ;; --yes | -y) asks= ;; esac; set -- "$@" "$argument" ;;
    esac
  done
  choose_folders
  case $next in --uninstall) find_heros current previous ;; --rollback) find_heros previous current ;; *) heros=$bin/heros ;; esac
  case $next:$heros in
    --uninstall:?*) start uninstall --yes "$@" ;; --rollback:?*) start upgrade --rollback ;;
    --*:)
      if [ -e "$data/versions" ] || [ -e "$cache" ] || grep -qs '^# Starts heros\. Written by install\.sh' "$bin/heros"; then
        fail 1 "What is left of heros does not start." "Install it again, then remove it. By hand: docs/install.md"; fi
      [ "$next" = --uninstall ] || fail 1 "heros is not installed at $data." "Install it: sh install.sh"
      say "heros is not installed at $data." && exit 0 ;;
    setup:*) # Where stdin is this script, questions are asked on the terminal, if there is one that opens.
      [ ! "$asks" ] || [ -t 0 ] || (: </dev/tty) 2>/dev/null || { next=; say "Without a terminal to ask on, heros is only installed."; } ;;
  esac
  install "$@"
  case $next:$asks in :*) exit 0 ;; pull:*) start pull --all "$@" </dev/null ;; setup:) start setup "$@" </dev/null ;; esac
  [ -t 0 ] || exec </dev/tty; start setup "$@"
}
main "$@"; exit; }