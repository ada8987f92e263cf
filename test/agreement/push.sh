#!/bin/sh
# Does heros push reach another machine by a real ssh server? See test/push.
#   sh test/agreement/push.sh [FILE…]
# The other machine is a user whom only a mount namespace of this script knows. Says SKIPPED, and ends with 0, only where it isn't root, or
# no sshd can be had.
set -eu
cd "$(dirname "$0")/../.."
PATH=$PWD/node_modules/.bin:$PATH

if [ "${1:-}" = --inside ]; then
  work=$2
  shift 2
  { cat /etc/passwd && printf '%s\n' "$(grep -q '^sshd:' /etc/passwd || echo "sshd:x:4241:65534::/run/sshd:/usr/sbin/nologin")" \
    "far:x:4242:4242::$FAR_HOME:/bin/sh" "closed:x:4242:4242::$FAR_HOME:/usr/sbin/nologin"; } | grep . >"$work/passwd"
  for shell in bash zsh fish csh tcsh; do
    program=$(command -v "$shell") && printf 'far-%s:x:4242:4242::%s:%s\n' "$shell" "$FAR_HOME" "$program" >>"$work/passwd"
  done
  mount --bind "$work/passwd" /etc/passwd
  mkdir -p /run/sshd
  mount -t tmpfs tmpfs /run/sshd
  chmod 755 /run/sshd
  vitest run --config test/e2e.config.ts "$@"
  exit
fi

skip() {
  echo "SKIPPED: $*"
  exit 0
}
[ "$(id -u)" = 0 ] || skip "this needs root, for a user of its own"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
chmod 755 "$work"

# The package would start a server on port 22: only its program is wanted.
SSHD=/usr/sbin/sshd
if [ ! -x "$SSHD" ]; then
  (cd "$work" && { apt-get download -q openssh-server libwrap0 || { apt-get update -q && apt-get download -q openssh-server libwrap0; }; }) \
    >"$work/log" 2>&1 || { cat "$work/log"; skip "openssh-server can't be downloaded"; }
  for package in "$work"/*.deb; do dpkg -x "$package" "$work/ssh"; done
  SSHD=$work/ssh/usr/sbin/sshd
  libraries=$(dirname "$(find "$work/ssh" -name 'libwrap.so*' | sed q)")
  export LD_LIBRARY_PATH="$libraries"
fi
if [ ! -e dist/cli/main.js ]; then npm run --silent build; fi
FAR_HOME=$work/far
mkdir "$FAR_HOME"
chown 4242:4242 "$FAR_HOME"
# One that the other user can start, wherever this checkout is.
FAR_NODE=$work/node
cp "$(node -p process.execPath)" "$FAR_NODE"
export SSHD FAR_HOME FAR_NODE TMPDIR="$work"
if [ $# = 0 ]; then set -- test/push; fi
unshare --mount sh test/agreement/push.sh --inside "$work" "$@"
