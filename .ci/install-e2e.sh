#!/usr/bin/env bash
# install.sh for real: a checkout and a release; a fresh clone, an empty home, the machine's own Node and npm first
# on the PATH, and an ordinary user where this is started by root.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/heros-install-e2e.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
home=$work/home
checkout=$work/checkout
. "$root/.ci/check.sh"

as_user() {
  local run=(env -i "HOME=$home" PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 "$@")
  if [ "$(id -u)" = 0 ]; then
    run=(setpriv --reuid 65534 --regid 65534 --clear-groups "${run[@]}")
  fi
  setsid --wait "${run[@]}" </dev/null
}

# installs STATUS [ARGUMENT…]: runs install.sh in the checkout; its output goes to $work/output.
installs() {
  local expected=$1 status=0
  shift
  as_user "${settings[@]}" sh "$checkout/install.sh" "$@" >"$work/output" 2>&1 || status=$?
  sed 's/^/        /' "$work/output"
  [ "$status" = "$expected" ]
}

says() { grep -qF -- "$1" "$work/output"; }
builds_nothing() { ! says "Building heros" && says "is already installed"; }
current() { readlink "$home/.local/share/heros/current"; }
version_answers() { [ "$(as_user "$home/.local/bin/heros" --version)" = "$version" ]; }

git clone -q --no-local "$root" "$checkout" || exit 1
mkdir "$home"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$home" "$checkout"
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$root/package.json")
settings=("NPM_CONFIG_REGISTRY=$(npm config get registry 2>/dev/null)")
for name in HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy NODE_EXTRA_CA_CERTS; do
  [ -z "${!name:-}" ] || settings+=("$name=${!name}")
done
echo "node $(node --version), npm $(npm --version 2>/dev/null), heros $version, as $(as_user id -un)"

check "sh install.sh --demo --yes ends with 0" installs 0 --demo --yes
check "Annie is online" says "Annie is online"
check "heros --version answers" version_answers
check "its compiled form is kept" test -n "$(find "$home/.local/share/heros/current/app/node_modules/.cache/heros" -type f -size +200k)"

# What the installation brings for other programs, as those find it.
share=$home/.local/share
in_path=PATH=$home/.local/bin:/usr/local/bin:/usr/bin:/bin
bash_completes() {
  as_user bash --norc -c '. /usr/share/bash-completion/bash_completion && _completion_loader heros
    COMP_WORDS=(heros upg) COMP_CWORD=1; _heros && [ "${COMPREPLY[*]}" = upgrade ]'
}
# zsh_shows, fish_shows TEXT LINE: what zsh and fish show after LINE and Tab.
zsh_shows() { as_user timeout 60 zsh -f "$root/.ci/zsh-completes.zsh" "$share/zsh/site-functions" "$2" | tr -d '\r' | grep -qE -- "$1"; }
fish_shows() { as_user "$in_path" fish -c 'complete -C $argv[1]' "$2" | tr '\t' ' ' | grep -qxF -- "$1"; }
man_shows() { as_user "$in_path" MANWIDTH=80 man --warnings heros >"$work/manual" 2>"$work/said" && [ ! -s "$work/said" ]; }
check "bash completes its commands" bash_completes
check "zsh reads its script" zsh -n "$share/zsh/site-functions/_heros"
check "zsh completes its commands" zsh_shows '^line: heros upgrade *$' 'heros upg'
check "zsh shows what commands do" zsh_shows '^verify +-- Verify the cached models' 'heros models '
check "zsh completes values" zsh_shows '^line: heros setup --storage=hub-cache' 'heros setup --storage=h'
check "fish reads its script" fish --no-execute "$share/fish/vendor_completions.d/heros.fish"
check "fish completes its commands" fish_shows "upgrade Install the newest version" 'heros upg'
check "fish completes values" fish_shows "1,2 Listen" 'heros pull --tiers 1,'
check "man shows its page, without a warning" man_shows
check "with every command" grep -q 'heros models verify \[options\]' "$work/manual"
check "and mandoc finds nothing wrong with it" mandoc -T lint "$share/man/man1/heros.1"

check "the checkout is as it was" test -z "$(git -c safe.directory='*' -C "$checkout" status --porcelain --ignored)"
check "the demo left no stack and no models" test ! -e "$home/her-os" -a ! -e "$home/.cache/huggingface"
first=$(current)

check "a second run ends with 0" installs 0 --no-setup
check "and builds nothing" builds_nothing
check "and changes nothing" test "$(current)" = "$first"

echo "export const addedByTheTest = 1;" >>"$checkout/src/run/units.ts"
check "other sources install beside it" installs 0 --no-setup
second=$(current)
check "and are what runs" test "$second" != "$first"
check "rolling back ends with 0" installs 0 --rollback
check "and brings the first one back" test "$(current)" = "$first"
check "which answers" version_answers

echo "this is no TypeScript" >>"$checkout/src/run/units.ts"
check "a build that fails ends with 1" installs 1 --no-setup
check "and leaves what was there" test "$(current)" = "$first"
check "which answers still" version_answers
check "without debris" test "$(ls "$home/.local/share/heros" | tr '\n' ' ')" = "current lock manifest.json previous versions "

check "uninstalling ends with 0" installs 0 --uninstall
check "and leaves no program" test -z "$(find "$home/.local/bin" "$home/.local/share" ! -type d 2>/dev/null)"

# A machine that has neither Node nor npm.
mkdir "$work/bin"
for tool in /usr/bin/* /bin/*; do
  case ${tool##*/} in node | nodejs | npm | npx | corepack) ;; *) ln -sf "$tool" "$work/bin/" ;; esac
done
git -c safe.directory='*' -C "$checkout" checkout -q -- .
settings+=("PATH=$work/bin")
check "without Node and npm it installs too" installs 0 --no-setup
check "and what it installed answers" version_answers

# npm's package: with this machine's npm, a Node that is new enough, and the machine's own if that is too old.
mkdir "$work/new" "$work/npm"
cp "$home/.local/share/heros/current/runtime/node" "$work/new/node"
# It builds first, which must not change the dist that other scripts read meanwhile.
git clone -q --no-local "$root" "$work/packed" && ln -s "$root/node_modules" "$work/packed/node_modules"
(cd "$work/packed" && npm pack --silent --pack-destination "$work/npm") >"$work/output" 2>&1 || bad=$((bad + 1))
cd "$work" || exit 1
package=./npm/heros-$version.tgz
by_npm() { as_user PATH="$work/new:/usr/local/bin:/usr/bin:/bin" "$@" >"$work/output" 2>&1; }
check "npm i -g heros" by_npm npm install --global --offline --no-update-notifier --prefix "$home/npm" "$package"
check "installs one package" test "$(find "$home/npm" -name package.json | wc -l)" = 1
check "which answers" by_npm "$home/npm/bin/heros" --version
check "and pulls" by_npm "$home/npm/bin/heros" setup --demo --yes --output plain
check "to the end" says "Annie is online"
check "npx heros answers" by_npm npx --yes --offline "$package" --version
check "with the version" says "$version"
too_old() { ! as_user "$home/npm/bin/heros" setup >"$work/output" 2>&1; }
if [ "$(as_user node -p 'process.versions.node < "24"')" = true ]; then
  check "with an old Node it does not start" too_old
  check "and says why" says "heros needs Node 24.5 or newer, and this is Node"
fi

# A release, by curl: made as npm run release makes it, but with a stand-in for Node, which takes minutes to pack.
served=$work/served
mkdir -p "$served/latest"
mv "$home/.local/share/heros/current/runtime/node" "$work/node24"
printf '#!/bin/sh\nexec %s "$@"\n' "$work/node24" >"$work/node"
chmod 755 "$work/node"
rm -r "$home" && mkdir "$home"
[ "$(id -u)" != 0 ] || chown 65534:65534 "$home"
ssh-keygen -q -t ed25519 -N '' -f "$work/key"
exec 3< <(exec python3 -u -m http.server --bind 127.0.0.1 --directory "$served" 0 2>&1)
trap 'kill $!; rm -rf "$work"' EXIT
read -r line <&3
base=http://127.0.0.1:$(sed 's/.* port \([0-9]*\) .*/\1/' <<<"$line")
(cd "$root" && PATH=$root/node_modules/.bin:$PATH node scripts/release/release.ts --built --quick --base-url "$base" --key "$work/key" \
  --node-file "$work/node" --out "$served/latest/download" --platform "linux-$("$work/node24" -p process.arch)") || bad=$((bad + 1))
echo "curl -fsSL $base/latest/download/install.sh | sh -s -- \"\$@\"" >"$work/install.sh"
checkout=$work
check "curl … | sh -s -- --demo --yes ends with 0" installs 0 --demo --yes
check "Annie is online" says "Annie is online"
check "and heros answers" version_answers
check "uninstalling it ends with 0" installs 0 --uninstall
check "and leaves no program" test ! -e "$home/.local/bin" -a ! -e "$home/.local/share"

echo "$bad failed"
[ "$bad" = 0 ]
