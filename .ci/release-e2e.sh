#!/usr/bin/env bash
# A release as it is published: both tarballs, their sizes, and the arm64 one started under qemu on a Debian x86-64 machine.
# Takes minutes: Node is packed by xz. `bash .ci/release-e2e.sh DIR` takes the release in DIR instead.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
export PATH="$PWD/node_modules/.bin:$PATH"
work=$(mktemp -d "${TMPDIR:-/tmp}/heros-release-e2e.XXXXXX")
trap 'rm -rf "$work"' EXIT
. .ci/check.sh

missing=()
command -v llvm-strip >/dev/null || missing+=(llvm)
command -v xz >/dev/null || missing+=(xz-utils)
command -v qemu-aarch64-static >/dev/null || missing+=(qemu-user-static)
[ ${#missing[@]} = 0 ] || { apt-get update -q && apt-get install -q -y --no-install-recommends "${missing[@]}"; } || exit 1

release=${1:-$work/release}
[ -n "${1:-}" ] || node scripts/release/release.ts --out "$release" || exit 1
for file in "$release"/*.tar.*; do echo "        $(stat -c %s "$file") ${file##*/}"; done
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
arm=$release/heros-$version-linux-arm64.tar.xz
tree=$work/heros-$version-linux-arm64
tar -xf "$arm" -C "$work"
check "the .tar.xz has at most 30 MB" test "$(stat -c %s "$arm")" -le 30000000
check "it takes at most 115 MB of disk" test "$(du -sb "$tree" | cut -f 1)" -le 115000000
(cd "$release" && sha256sum --quiet --check SHA256SUMS) || bad=$((bad + 1))

# What an arm64 Debian has of its own.
apt=(-oAPT::Architecture=arm64 -oAPT::Architectures=arm64 "-oDir::State::Lists=$work/lists")
mkdir -p "$work/lists/partial" "$work/debs" "$work/home"
chmod -R 777 "$work/debs"
apt-get -q "${apt[@]}" update >/dev/null && (cd "$work/debs" && apt-get -q "${apt[@]}" download libc6 libstdc++6 libgcc-s1 libatomic1) || exit 1
for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$work/system"; done
# qemu does not start sh scripts' programs of another processor by itself, so Node is started as bin/heros starts it.
heros() { HOME=$work/home qemu-aarch64-static -L "$work/system" "$tree/runtime/node" "$tree/app/bin/heros.js" "$@"; }

version_answers() { [ "$(heros --version)" = "$version" ]; }
doctor_reports() { [ "$(heros doctor --json | grep -c '"type":"check.finished"')" -ge 10 ]; }
model_is_ready() { heros pull gliner-medium-v2.1 --endpoint "$endpoint" --json | grep -q '"type":"run.succeeded"'; }
check "arm64: --version answers" version_answers
check "arm64: doctor --json reports" doctor_reports
exec 3< <(exec node src/demo/hub/serve.ts --detached --catalog assets/catalogs/her-os.yaml --scale 0.01)
trap 'kill $!; rm -rf "$work"' EXIT
read -r line <&3
endpoint=$(sed 's/.*"endpoint":"\([^"]*\)".*/\1/' <<<"$line")
check "arm64: pull from a Hub on loopback" model_is_ready

echo "$bad failed"
[ "$bad" = 0 ]
