#!/bin/sh
# Does ollama's own program agree with heros about its folder?
#   sh test/agreement/ollama.sh
# Builds it (1.5 minutes) unless OLLAMA names one. Says SKIPPED, and ends with 0, only where Go or its module proxy can't be had.
. "$(dirname "$0")/head.sh"

program=${OLLAMA:-}
[ -n "$program" ] || built ollama github.com/ollama/ollama@v0.9.0
ollama=$program
mkdir "$work/home" "$work/models"
env -i HOME="$work/home" OLLAMA_HOST=127.0.0.1:9 "$ollama" --version 2>/dev/null | tail -n 1

"$node" test/agreement/ollama-registry.ts "$work" >"$work/host" &
beside=$!
wait_for 10 "the registry did not start" test -s "$work/host"
host=$(cat "$work/host")
port=$(free_port)

# theirs ARGUMENTS: ollama's own program
theirs() {
  env -i PATH="$PATH" HOME="$work/home" OLLAMA_MODELS="$models" OLLAMA_HOST="127.0.0.1:$port" \
    "$ollama" "$@"
}
# ours NAME: heros, with the JSON lines in $work/heros.jsonl
ours() {
  env -i PATH="$PATH" HOME="$work/home" OLLAMA_MODELS="$models" \
    "$node" "$heros" pull "ollama:$host/library/$1" --json >"$work/heros.jsonl" || {
    tail -n 1 "$work/heros.jsonl"
    exit 1
  }
}
fetched() { sed -n 's/.*"download.finished","fetchedBytes":\([0-9]*\).*/\1/p' "$work/heros.jsonl"; }
planned() { sed -n "s/.*\"download.planned\".*\"$1\":\([0-9]*\).*/\1/p" "$work/heros.jsonl"; }
# How often contents were asked for.
asked() { grep -c '"storage"' "$work/requests" || true; }
serve() {
  env -i PATH="$PATH" HOME="$work/home" OLLAMA_MODELS="$models" OLLAMA_HOST="127.0.0.1:$port" \
    "$ollama" serve >>"$work/serve.log" 2>&1 &
  server=$!
  log=$work/serve.log wait_for 30 "ollama did not start" theirs list
}
stop() {
  kill "$server"
  wait "$server" || true
  server=
}
# listed NAME FOLDER: with the digest of its manifest
listed() {
  id=$(sha256sum "$2/manifests/$host/library/$(echo "$1" | tr : /)" | cut -c 1-12)
  theirs list | grep -F "$host/library/$1" | grep -F "$id" || {
    theirs list
    echo "ollama does not list $1 as $id"
    exit 1
  }
}

models=$work/models
echo "== what heros brings, ollama lists and shows, and keeps when it starts"
ours tiny:1
serve
listed tiny:1 "$models"
theirs show "$host/library/tiny:1" | grep -E 'architecture +llama'
theirs show --template "$host/library/tiny:1" | grep -F '{{ .Prompt }}'

echo "== ollama pull after heros fetches nothing"
before=$(asked)
theirs pull --insecure "http://$host/library/tiny:1" 2>/dev/null
[ "$(asked)" = "$before" ] || { echo "it fetched something"; exit 1; }

echo "== what ollama pulls is, byte for byte, what heros brings"
stop
models=$work/theirs
serve
theirs pull --insecure "http://$host/library/tiny:1" 2>/dev/null
diff -r -x .heros "$work/models" "$work/theirs"
ours tiny:1
[ "$(fetched)" = 0 ] || { echo "heros fetched $(fetched) bytes of it"; exit 1; }

echo "== what ollama left half done, heros continues"
touch "$work/half"
env -i PATH="$PATH" HOME="$work/home" OLLAMA_HOST="127.0.0.1:$port" \
  "$ollama" pull --insecure "http://$host/library/large:1" >"$work/pull.log" 2>&1 &
client=$!
# completed: whether a part has come as far as the registry lets it
completed() { grep -hs '"Completed":3000000' "$models"/blobs/*-partial-0; }
log=$work/pull.log wait_for 30 "ollama left nothing half done" completed
kill -9 "$client"
wait "$client" 2>/dev/null || true
rm "$work/half"
completed
# Its server lets the file go once it has seen that nobody waits.
let_go() { [ -z "$(find /proc/"$server"/fd -lname '*-partial' 2>/dev/null)" ]; }
wait_for 30 "ollama does not let its file go" let_go
ours large:1
echo "planned $(planned totalBytes), had $(planned resumedBytes) of ollama's, fetched $(fetched)"
[ "$(planned resumedBytes)" = 3000000 ]
listed large:1 "$models"
[ -z "$(find "$models/blobs" -name '*-partial*')" ] || { echo "parts are left"; exit 1; }

echo "== what heros left half done survives a start of ollama, and heros continues"
env -i PATH="$PATH" HOME="$work/home" OLLAMA_MODELS="$models" \
  "$node" "$heros" pull "ollama:$host/library/other:1" --limit-rate 3M --json >"$work/killed.jsonl" &
pull=$!
until grep -qE '"download.progress","receivedBytes":[3-9][0-9]{6}' "$work/killed.jsonl"; do sleep 0.05; done
kill -9 "$pull"
wait "$pull" 2>/dev/null || true
stop
serve
ours other:1
echo "planned $(planned totalBytes), had $(planned resumedBytes), fetched $(fetched)"
[ "$(planned resumedBytes)" -ge 2500000 ]
stop
serve
listed other:1 "$models"
listed large:1 "$models"
theirs show "$host/library/other:1" | grep -E 'architecture +llama'
echo "ollama and heros agree"
