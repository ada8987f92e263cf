#!/usr/bin/env bash
# install.sh as anybody may meet it: as root and as a user, in four shells, by curl and by wget, from servers that fail and on
# machines that lack something. Needs root: it mounts full, read-only and noexec disks, in a mount namespace of its own.
#   bash .ci/install-matrix.sh [--all] [beginnings] [full_disks] [life] [machines]      default: all four parts
# In the part called life each shell meets curl as one of the two people and wget as the other; with --all both as both.
set -uo pipefail
[ -n "${HEROS_MATRIX:-}" ] || HEROS_MATRIX=yes exec unshare --mount -- bash "$0" "$@"
# A checkout below /tmp must be found when /tmp is something else: /mnt is nobody's but this namespace's.
mount --bind "$(cd "$(dirname "$0")/.." && pwd)" /mnt && root=/mnt || exit 1
. "$root/.ci/check.sh"
export PATH="$root/node_modules/.bin:$PATH"
# /tmp gets a disk of its own.
work=$(mktemp -d /var/tmp/heros-install-matrix.XXXXXX)
server='' began=$SECONDS
clean_up() {
  # Those that still run: the number of one that has ended may be another program's by now.
  # shellcheck disable=SC2046
  kill $server $(jobs -rp) 2>/dev/null
  wait
  for mounted in $(tac /proc/mounts | cut -d ' ' -f 2 | grep "^$work/"); do umount "$mounted"; done
  rm -rf "$work"
}
trap clean_up EXIT
trap 'echo "FAILED  it was stopped" >"$work/logs/0"; report; exit 1' INT TERM
chmod 755 "$work"
mkdir "$work/logs"
# job COMMAND…: as many at once as wait for each other, and not for a processor alone.
most=$((2 * $(nproc))) started=0
job() {
  while [ "$(jobs -rp | wc -l)" -ge "$most" ]; do wait -n; done
  started=$((started + 1))
  "$@" >"$work/logs/$started" 2>&1 &
}
# Prints what went wrong, with what was said then, and of what went well how often it did.
report() {
  local logs
  mapfile -t logs < <(ls -v "$work"/logs/*)
  for log in "${logs[@]}"; do
    if grep -q '^FAILED' "$log"; then grep -v '^ok' "$log"; fi
  done
  cat "${logs[@]}" |
    awk '/^ok/ { if (!count[$0]++) order[++lines] = $0 } END { for (i = 1; i <= lines; i++) print order[i] " (" count[order[i]] "×)" }'
  bad=$(cat "${logs[@]}" | grep -c '^FAILED')
  echo "$(cat "${logs[@]}" | grep -c '^ok') ok, $bad failed, in $((SECONDS - began)) s, as ${people[*]} in ${shells[*]// /-} with ${loaders[*]}, /tmp being noexec"
}
shells=(dash bash "bash --posix" "busybox ash")
people=(root user)
loaders=(curl wget)
for program in dash bash busybox curl wget xz ssh-keygen script setpriv openssl; do
  command -v "$program" >/dev/null || { echo "FAILED  $program is needed here"; exit 1; }
done
mount -t tmpfs -o noexec,mode=1777 tmpfs /tmp || exit 1

# --- Releases: a good one, the one before, and what no one may install.
platform=linux-$(node -p process.arch)
served=$work/served
latest=latest/download
mkdir -m 755 "$work/keys" "$served" "$work/trees"
mkdir -m 777 "$work/escaped"
for name in current stranger; do ssh-keygen -q -t ed25519 -N '' -f "$work/keys/$name"; done
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -keyout "$work/keys/tls.key" -out "$work/keys/tls.pem" 2>/dev/null || exit 1
echo "ca_certificate = $work/keys/tls.pem" >"$work/keys/wgetrc"
exec 3< <(exec node "$root/test/install/fault-server.ts" "$served" "$work/keys/tls.pem" "$work/keys/tls.key")
server=$!
read -r plain secure <&3

# A stand-in for Node, as the real one takes minutes to pack.
cp "$(node -p process.execPath)" "$work/node24"
printf '#!/bin/sh\nexec %s "$@"\n' "$work/node24" >"$work/node"
chmod 755 "$work/node" "$work/node24"
node "$root/scripts/release/release.ts" --built --quick --base-url "$plain/good" --key "$work/keys/current" --node-file "$work/node" \
  --out "$served/good/$latest" --platform "$platform" >/dev/null || exit 1
installer=$served/good/$latest/install.sh
new=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$root/package.json")
old=0.0.9
release=heros-$new-$platform
tar -xf "$served/good/$latest/$release.tar.xz" -C "$work/trees"
tree=$work/trees/$release

# sign FOLDER [KEY]: makes its sums and signs them.
sign() {
  (cd "$1" && sha256sum heros-* >SHA256SUMS && rm -f SHA256SUMS.sig &&
    ssh-keygen -q -Y sign -f "$work/keys/${2:-current}" -n heros-release SHA256SUMS 2>/dev/null)
}
# variant NAME: a copy of the good release that something can be done to; prints its folder.
variant() { mkdir -p "$served/$1/latest" && cp -r "$served/good/latest/download" "$served/$1/latest/" && echo "$served/$1/$latest"; }
# strange NAME ARGUMENT…: a release, rightly signed, whose tarball GNU tar makes with these arguments.
strange() {
  local folder=$served/$1/$latest
  shift
  mkdir -p "$folder" && XZ_OPT=-0 tar -cJf "$folder/$release.tar.xz" -C "$work/trees" "$@" "$release" 2>/dev/null && sign "$folder"
}

mkdir -p "$served/old/$latest" "$served/good/download/v$old" "$work/old"
cp -r "$tree" "$work/old/heros-$old-$platform"
sed -i "s/\"version\": *\"$new\"/\"version\": \"$old\"/" "$work/old/heros-$old-$platform"/{release.json,app/package.json}
XZ_OPT=-0 tar -cJf "$served/old/$latest/heros-$old-$platform.tar.xz" -C "$work/old" "heros-$old-$platform"
sign "$served/old/$latest"
cp "$served/old/$latest"/* "$served/good/download/v$old"
folder=$(variant flipped) && printf X | dd of="$folder/$release.tar.xz" bs=1 seek=5000 conv=notrunc status=none
folder=$(variant earlier-sums) && echo >>"$folder/$release.tar.xz" && sign "$folder" && cp "$served/good/$latest/$release.tar.xz" "$folder"
folder=$(variant old-sums) && cp "$served/old/$latest"/SHA256SUMS* "$folder"
folder=$(variant other-key) && sign "$folder" stranger
folder=$(variant no-signature) && rm "$folder/SHA256SUMS.sig"
folder=$(variant empty-signature) && : >"$folder/SHA256SUMS.sig"
folder=$(variant changed-sums) && echo >>"$folder/SHA256SUMS"
folder=$(variant no-tarball) && rm "$folder"/*.tar.*
strange dotdot -P "--transform=s,/LICENSE\$,/../../../../../escaped/file,"
strange absolute -P "--transform=s,^[^/]*/LICENSE\$,$work/escaped/file,"
strange beside "--transform=s,^[^/]*/LICENSE\$,another/file,"
ln -s "$work/escaped" "$tree/link" && strange link && rm "$tree/link"
ln "$tree/LICENSE" "$tree/link" && strange hard-link && rm "$tree/link"
mkfifo "$tree/pipe" && strange pipe && rm "$tree/pipe"
mknod "$tree/device" c 1 3 && strange device && rm "$tree/device"
mkdir -p "$served/owners/$latest"
XZ_OPT=-0 tar -cJf "$served/owners/$latest/heros-$old-$platform.tar.xz" -C "$work/old" --owner=4321 --group=4321 --mode=a+rwxs "heros-$old-$platform"
sign "$served/owners/$latest"

# --- What a run sees: the machine's own programs, with one of curl and wget, and without Node.
for loader in "${loaders[@]}"; do
  mkdir "$work/bin-$loader"
  for tool in /usr/bin/* /bin/*; do
    case ${tool##*/} in node | nodejs | npm | npx | corepack | curl | wget | sleep) ;; *) ln -sf "$tool" "$work/bin-$loader/" ;; esac
  done
  # Nobody waits between two tries, and for a server that hangs only where it does.
  cat >"$work/bin-$loader/$loader" <<TEXT
#!/bin/bash
[ -z "\${HANGS:-}" ] || { set -- "\${@/#30/1}"; }
exec $(command -v "$loader") "\$@"
TEXT
  printf '#!/bin/sh\n' >"$work/bin-$loader/sleep"
  chmod 755 "$work/bin-$loader"/{sleep,"$loader"}
done

# What a machine says that is not for heros. Each stands before the others on the PATH.
pretends() { mkdir -p "$work/pretends/$1" && printf '#!/bin/sh\n%s\n' "$3" >"$work/pretends/$1/$2" && chmod 755 "$work/pretends/$1/$2"; }
pretends macos uname 'case $1 in -s) echo Darwin ;; *) echo arm64 ;; esac'
pretends musl getconf 'echo "getconf: unknown variable $1" >&2; exit 1'
pretends musl ldd 'printf "musl libc (x86_64)\nVersion 1.2.4\nDynamic Program Loader\n" >&2; exit 1'
pretends glibc getconf 'case $1 in LONG_BIT) echo 64 ;; *) echo glibc 2.27 ;; esac'
pretends bits getconf 'case $1 in LONG_BIT) echo 32 ;; *) echo glibc 2.36 ;; esac'
pretends roomy df 'printf "Filesystem 1024-blocks Used Available Capacity Mounted on\ntmpfs 9000000 1 8999999 1%% /\n"'

# enter WHO SHELL LOADER HOME: what the functions below work with.
enter() { who=$1 home=$4 bin=$work/bin-$3 mask=022 settings=() && read -ra shell <<<"$2"; }
# as COMMAND…: as the one who it is about, in an empty environment and a session of its own. `settings` are added.
as() {
  local run=(env -i "HOME=$home" "PATH=$bin" LANG=C.UTF-8 "${settings[@]}" "$@")
  [ "$who" = root ] || run=(setpriv --reuid 65534 --regid 65534 --clear-groups "${run[@]}")
  (cd "$home" && umask "$mask" && timeout --kill-after=5 200 setsid --wait "${run[@]}")
}
own() { [ "$who" = root ] || chown -R 65534:65534 "$@"; }
# ends STATUS COMMAND…: keeps what the command says, and shows it where its status is not this one.
ends() {
  local expected=$1
  shift
  "$@" >"$home.out" 2>"$home.err" && status=0 || status=$?
  # A pattern may be expected.
  # shellcheck disable=SC2053
  [[ $status = $expected ]] || { echo "  status $status:" && sed 's/^/  | /' "$home.out" "$home.err" && false; }
}
# installs STATUS ARGUMENT…: pipes the script into the shell.
installs() { ends "$1" as "${shell[@]}" -s -- "${@:2}" < <(cat "$installer"); }
says() { grep -qF -- "$1" "$home.err" || { sed 's/^/  | /' "$home.err" && false; }; }
says_alone() { says "$1" && { [ "$(wc -l <"$home.err")" = 2 ] || { sed 's/^/  | /' "$home.err" && false; }; }; }
heros() { as "$home/.local/bin/heros" "$@"; }
answers() { ends 0 heros --version && [ "$(cat "$home.out")" = "$1" ]; }
# Every file of the home, but for what Node compiles; of a folder not its time.
state() {
  find "$home" -mindepth 1 \( -name node_modules -o -name '*.lock' \) -prune -o -type d -printf 'folder %P %m %U\n' -o -printf '%y %P %m %U %s %T@ %i %l\n' | sort
}
# What broke off is kept for the next run; everything else is as it was.
unchanged() {
  rm -f "$home/.cache/heros/install/$release.tar.xz" && rmdir -p --ignore-fail-on-non-empty "$home/.cache/heros/install" 2>/dev/null
  diff "$home.before" <(state) >"$home.diff" || { head -n 12 "$home.diff" | sed 's/^/  /' && false; }
}
empty() { [ -z "$(ls -A "$home")" ] || { find "$home" | sed 's/^/  left: /' && false; }; }
# refused STATUS ARGUMENT…: it ends with that status, nothing is changed, and the old version answers.
refused() { installs "$@" && unchanged && answers "$old"; }

# --- The parts.

# Each beginning of the script, by a shell that goes on where another ends at the wrong syntax.
cat >"$work/shorten.sh" <<'TEXT'
text=$(cat "$1" && echo .) text=${text%.}
PATH=$2
while [ -n "$text" ]; do
  text=${text%?}
  (eval "$text" || :) </dev/null 2>/dev/null
done
echo "tried all"
TEXT
# A stand-in for each program there is, and for each beginning of a word: half of one may be the name of another program.
mkdir "$work/stand-ins"
printf '#!/bin/bash\necho "$0" >>"$HOME/called"\n' >"$work/stand-in" && chmod 755 "$work/stand-in"
{ ls "$work/bin-curl" "$work/bin-wget" && grep -oE '[A-Za-z][A-Za-z0-9_-]*' "$installer" | awk '{ for (i = 1; i <= length($0); i++) print substr($0, 1, i) }'; } |
  grep -v / | sort -u | (cd "$work/stand-ins" && xargs -d '\n' -n 1 ln -s "$work/stand-in" 2>/dev/null)
beginnings() {
  enter "$1" "$2" curl "$work/beginnings-$1-${2// /}"
  mkdir "$home" && own "$home"
  settings=(LC_ALL=C)
  tried() { [ "$(as "${shell[@]}" "$work/shorten.sh" "$installer" "$work/stand-ins")" = "tried all" ] && empty; }
  check "$2: none of the $(wc -c <"$installer") beginnings of install.sh calls a program or writes a file" tried
}

# All that happens to an installation, in a home with things of the user's in it.
life() {
  enter "$1" "$2" "$3" "$work/$1 ${2// /} $3's \$home"
  local relative=(XDG_DATA_HOME=data XDG_CACHE_HOME=./cache XDG_STATE_HOME=state SHELL=/bin/bash) file
  mkdir -p "$home"/{.local/{bin,share/other,state/heros},.cache/heros-of-mine,her-os,"my models/models--a--b/blobs"}
  for file in .bashrc .local/bin/mine .local/share/other/file .cache/heros-of-mine/file her-os/mine "my models/models--a--b/blobs/1"; do
    echo mine >"$home/$file"
  done
  echo '{"version":1,"finished":true,"cacheDir":"'"$home"'/my models","answers":{}}' >"$home/.local/state/heros/answers.json"
  own "$home"
  contents() { (cd "$home" && find . -type d && find . -type f -exec sha256sum {} +) | sort; }
  contents >"$home.first"

  settings=("HEROS_BASE_URL=$plain/owners" "${relative[@]}") mask=000
  [ "$3" = curl ] || mask=077
  check "it installs in a home with a space, a quote and a dollar sign, with relative XDG folders, umask $mask" installs 0 --no-setup --modify-path
  check "it answers" answers "$old"
  safe() { [ -z "$(find "$home/.local" \( ! -user "$(stat -c %u "$home")" -o ! -type l -perm /6022 \) ! -path '*/state/*' ! -name '*lock' -print | tee "$home.diff")" ] || { cat "$home.diff" && false; }; }
  check "no owner and no mode that the tarball names was taken over, and nobody else can write to it" safe
  state >"$home.before"
  failing_servers
  check "no tarball put a file anywhere else" test -z "$(ls -A "$work/escaped")"
  settings=("${relative[@]}")
  terminals

  settings=("HEROS_BASE_URL=$plain/resume" "${relative[@]}")
  check "server that cuts at 30, 60 and 90 %: it resumes and installs" installs 0 --no-setup
  check "it answers with the new version" answers "$new"
  settings=("HEROS_BASE_URL=$plain/old" "${relative[@]}")
  check "heros upgrade to an older version is refused" ends 1 heros upgrade
  check "an older version that is served as the latest is refused by install.sh" installs 1 --no-setup
  check "it still answers with the new version" answers "$new"
  settings=("${relative[@]}")
  check "with --version it is not refused" ends 0 heros upgrade --version "$old"
  check "it answers with the older version" answers "$old"
  check "it rolls back" installs 0 --rollback
  check "it answers with the newer version" answers "$new"
  check "it is uninstalled" ends 0 heros uninstall --yes
  check "each file of the user's stays as it was, and nothing else" diff "$home.first" <(contents)
}

failing_servers() {
  local case
  for case in cut-30:5 cut-60:5 cut-90:5 stall:5 hang:5 nowhere:5 no-tarball:5 redirect:5 secure-redirect:5 flipped:6 earlier-sums:6 \
    old-sums:5 other-key:6 no-signature:5 empty-signature:6 changed-sums:6 dotdot:6 absolute:6 beside:6 link:6 hard-link:6 pipe:6 device:6; do
    settings=("HEROS_BASE_URL=$plain/${case%:*}" "${relative[@]}")
    case $case in
      secure-*) settings+=("HEROS_BASE_URL=$secure/redirect" "CURL_CA_BUNDLE=$work/keys/tls.pem" "WGETRC=$work/keys/wgetrc") ;;
      hang:* | stall:*) settings+=(HANGS=yes) ;;
    esac
    check "server ${case%:*}: ends with ${case#*:}, nothing is changed, the old version answers" refused "${case#*:}" --no-setup
  done
}

# Nobody to ask, and somebody.
terminals() {
  local next="Without a terminal to ask on, heros is only installed."
  settings+=("HEROS_BASE_URL=$plain/owners" TERM=xterm)
  told() { ends 0 "$@" && says "$next"; }
  check "a pipe, no terminal: installs and names the next command" told as "${shell[@]}" -s < <(cat "$installer")
  check "a closed stdin: the same" told as "${shell[@]}" "$installer" <&-
  check "an empty stdin: the same" told as "${shell[@]}" "$installer" </dev/null
  check "in script(1): the wizard asks on the terminal" asked
  check "and all that is as it was" unchanged
}
# Presses Ctrl-C once the wizard is there.
asked() {
  mkfifo "$home.keys" && : >"$home.screen"
  as script -qefc "cat '$installer' | ${shell[*]} -s -- --demo" /dev/null <>"$home.keys" >"$home.screen" 2>&1 &
  local running=$! ended=0
  grep -q -m 1 "DGX Spark" < <(exec tail -n +1 -f --pid "$running" "$home.screen") && printf '\003' >"$home.keys"
  wait "$running" || ended=$?
  [ "$ended" = 130 ] || { cat "$home.screen" && false; }
}

# What a machine lacks: one sentence, 4, and nothing is left.
machines() {
  enter "$1" "$2" curl "$work/machine-$1-${2// /}"
  mkdir "$home" && own "$home"
  lacks() { installs 4 --no-setup && says_alone "$1" && empty; }
  # on OPTIONS COMMAND…: with the home on a disk of its own.
  on() {
    local kept=0
    mount -t tmpfs -o "$1" tmpfs "$home" && own "$home" && { "${@:2}" || kept=1; } && umount "$home" && return "$kept"
  }
  read_only() { mount --bind -o ro "$home" "$home" && mount -o remount,bind,ro "$home" && lacks "can't be written to" && umount "$home"; }
  local case own_shell=("${shell[@]}")
  for case in "macos:this is Darwin on arm64" "musl:this system has musl" "glibc:needs glibc 2.28" "bits:this one has 32 bits"; do
    bin=$work/pretends/${case%%:*}:$work/bin-curl
    check "machine ${case%%:*}: one sentence, 4, nothing left" lacks "${case#*:}"
  done
  bin=$work/bin-curl
  shell=(linux32 "${own_shell[@]}") && check "machine of 32 bits (linux32): one sentence, 4, nothing left" lacks "heros runs on Linux on arm64 and x86-64"
  shell=(env -u HOME "${own_shell[@]}") && check "no HOME: one sentence, 4, nothing left" lacks "HOME is not an absolute path"
  shell=(env HOME=. "${own_shell[@]}") && check "a relative HOME: one sentence, 4, nothing left" lacks "HOME is not an absolute path"
  shell=(env HOME=/dev/null "${own_shell[@]}") && check "a HOME that is a file: one sentence, 4, nothing left" lacks "can't be written to"
  shell=("${own_shell[@]}")
  check "no space: one sentence, 4, nothing left" on size=50m lacks "MB are free"
  check "a disk that runs no programs (noexec): one sentence, 4, nothing left" on size=1g,noexec lacks "Is it mounted noexec?"
  check "a read-only home: one sentence, 4, nothing left" read_only
  [ "$1" = root ] || { chown root "$home" && check "a home of somebody else's: one sentence, 4, nothing left" lacks "can't be written to"; }
}

# A disk that has room where it is asked, and fills up at one moment or another.
full_disks() {
  enter "$1" dash "$2" "$work/full-$1-$2"
  mkdir "$home" && mount -t tmpfs -o size=100m tmpfs "$home" && own "$home"
  bin=$work/pretends/roomy:$bin settings=("HEROS_BASE_URL=$plain/old")
  check "it installs on a small disk" installs 0 --no-setup
  answers "$old"
  state >"$home.before"
  local used kilobytes=4 status=7
  used=$(df --output=used -k "$home" | tail -n 1)
  settings=()
  # More and more room, until it is enough.
  while [ "$status" = 7 ] && [ "$kilobytes" -lt 100000 ]; do
    mount -o "remount,size=$((used + kilobytes))k" "$home"
    check "heros upgrade on a disk that fills up: ends with 7, nothing is changed, the old version answers" upgrade_refused
    check "install.sh on a disk that fills up: the same, until there is room" filled
    kilobytes=$((kilobytes * 5 / 4 + 100))
  done
  check "it answers with the new version" answers "$new"
  umount "$home"
}
upgrade_refused() { ends 7 heros upgrade && rm -rf "$home/.local/share/heros/downloads" && unchanged && answers "$old"; }
filled() { installs '[07]' --no-setup && { [ "$status" = 0 ] || { unchanged && answers "$old" && status=7; }; }; }

every=''
[ "${1:-}" != --all ] || { every=yes && shift; }
parts=" ${*:-beginnings full_disks life machines} "
# part NAME ARGUMENT…
part() { [[ $parts != *" $1 "* ]] || job "$@"; }
# What takes long comes first.
for shell in bash "bash --posix" "busybox ash" dash; do
  for who in "${people[@]}"; do part beginnings "$who" "$shell"; done
done
part full_disks root curl
part full_disks user wget
turn=0
for who in "${people[@]}"; do
  for shell in "${shells[@]}"; do
    for loader in "${loaders[@]}"; do
      [ -z "$every" ] && [ "$loader" != "${loaders[turn % 2]}" ] || part life "$who" "$shell" "$loader"
    done
    part machines "$who" "$shell"
    turn=$((turn + 1))
  done
  turn=$((turn + 1))
done
for running in $(jobs -p); do wait "$running"; done

report
[ "$bad" = 0 ]
