#!/bin/sh
# Do avahi and heros find each other's servers? Two network namespaces, as root:
#   sh test/agreement/avahi.sh
# Says SKIPPED, and ends with 0, only where avahi's packages, or namespaces, can't be had.
. "$(dirname "$0")/head.sh"

[ "$(id -u)" = 0 ] || skip "network namespaces are for root"
packages="avahi-daemon avahi-utils libavahi-core7 libavahi-client3 libavahi-common3 libdaemon0
  dbus-daemon libdbus-1-3 libapparmor1 libaudit1 libcap-ng0 libexpat1"
mkdir "$work/debs" "$work/root" "$work/cache"
# shellcheck disable=SC2086
(cd "$work/debs" && apt-get -q download $packages >"$work/apt.log" 2>&1) || skip "no avahi here"
for package in "$work"/debs/*.deb; do dpkg -x "$package" "$work/root"; done
libraries=$(find "$work/root" -name '*.so.*' -exec dirname {} \; | sort -u | tr '\n' ':')

near=heros-near-$$ far=heros-far-$$
leave() {
  ip netns del "$near" 2>/dev/null || true
  ip netns del "$far" 2>/dev/null || true
  [ -z "${bus:-}" ] || kill "$bus" 2>/dev/null || true
  [ -z "${published:-}" ] || kill "$published" 2>/dev/null || true
  cleanup
}
trap leave EXIT
ip netns add "$near" 2>/dev/null || skip "no network namespaces here"
ip netns add "$far"
ip link add near0 netns "$near" type veth peer name far0 netns "$far"
ip -n "$near" address add 192.168.55.1/24 dev near0
ip -n "$far" address add 192.168.55.2/24 dev far0
for end in near far; do
  eval "box=\$$end"
  ip -n "$box" link set "${end}0" up
  ip -n "$box" link set lo up
done

# avahi COMMAND…: as it would be in the far box, without touching this machine
avahi() {
  ip netns exec "$far" env LD_LIBRARY_PATH="$libraries" DBUS_SYSTEM_BUS_ADDRESS="unix:path=$work/bus" "$@"
}
cat >"$work/bus.conf" <<END
<busconfig>
  <listen>unix:path=$work/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>
END
bus=$(LD_LIBRARY_PATH=$libraries "$work/root/usr/bin/dbus-daemon" --config-file="$work/bus.conf" --fork --print-pid)
printf '[server]\nuse-ipv6=no\nhost-name=far\n[publish]\npublish-workstation=no\n' >"$work/avahi.conf"
{ cat /etc/passwd && echo 'avahi:x:65533:65533::/:/bin/false'; } >"$work/passwd"
{ cat /etc/group && echo 'avahi:x:65533:'; } >"$work/group"
cat >"$work/start" <<END
mount --bind $work/passwd /etc/passwd
mount --bind $work/group /etc/group
mkdir -p /run/avahi-daemon
mount -t tmpfs none /run/avahi-daemon
exec $work/root/usr/sbin/avahi-daemon -f $work/avahi.conf --no-drop-root --no-chroot --no-rlimits
END
avahi unshare -m sh "$work/start" >"$work/avahi.log" 2>&1 &
server=$!
log=$work/avahi.log wait_for 10 "avahi did not start" grep -q 'startup complete' "$work/avahi.log"

echo "heros announces, avahi finds"
env -i PATH="$PATH" HOME="$work" ip netns exec "$near" "$node" "$heros" serve --announce --offline \
  --listen 0.0.0.0:7171 --cache-dir "$work/cache" --json >"$work/serve.jsonl" &
beside=$!
log=$work/serve.jsonl wait_for 10 "heros did not announce itself" grep -q serve.announced "$work/serve.jsonl"
avahi timeout 10 "$work/root/usr/bin/avahi-browse" --resolve --terminate --parsable _heros._tcp >"$work/browsed"
cat "$work/browsed"
grep -q '^=;far0;IPv4;.*;192.168.55.1;7171;.*"txtvers=1"' "$work/browsed"

echo "avahi announces, heros finds"
avahi "$work/root/usr/bin/avahi-publish-service" "A spark.two" _heros._tcp 7272 \
  txtvers=1 version=0.2.0 models=yes images=yes >"$work/published" 2>&1 &
published=$!
log=$work/published wait_for 10 "avahi did not publish" grep -q Established "$work/published"
ip netns exec "$near" "$node" test/agreement/find-servers.ts >"$work/found"
cat "$work/found"
grep -q '"name":"A spark.two","url":"http://192.168.55.2:7272"' "$work/found"

echo "heros stops, avahi forgets"
kill "$beside"
wait "$beside" || true
beside=
sleep 1
avahi timeout 10 "$work/root/usr/bin/avahi-browse" --terminate --parsable _heros._tcp >"$work/after"
! grep "^+;far0;IPv4;$(sed -n 's/.*"serve.announced","name":"\([^"]*\)".*/\1/p' "$work/serve.jsonl");" "$work/after"
echo "OK"
