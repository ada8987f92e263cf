#!/bin/sh
# Does Python's own client agree with heros about the cache, and with the embedded Hub about the protocol?
#   sh test/agreement/python-client.sh
# Says SKIPPED, and ends with 0, only where Python or its package registry can't be had.
. "$(dirname "$0")/head.sh"

if ! with_python huggingface_hub; then
  cat "$work/venv.log" "$work/pip.log" 2>/dev/null | tail -n 2
  skip "Python with venv, or its package registry, can't be had"
fi
python=$work/venv/bin/python
"$python" -c 'import huggingface_hub as hub; print("huggingface_hub", hub.__version__)'

start_hub --page-size 2 \
  --file openai/whisper:model.safetensors:9000001 \
  --file openai/whisper:config.json:900 \
  --file openai/whisper:onnx/deep/encoder.onnx:2500000 \
  --file openai/whisper:vocab.json:90000 \
  --file Qwen/embedding:model.safetensors:5000000 \
  --file Qwen/embedding:config.json:0
commit=$(sed 's/.*"openai\/whisper","commit":"\([0-9a-f]*\)".*/\1/' "$work/hub.json")

# heros FOLDER REPO REVISION: the engine alone, into FOLDER/hub
heros() { "$node" test/download/fixtures/pull-alone.ts "$endpoint" "$@"; }
# client FOLDER: Python, with FOLDER/hub as its cache, and a program on stdin
client() {
  env -i PATH="$PATH" HOME="$work" HF_ENDPOINT="$endpoint" HF_HUB_CACHE="$1/hub" \
    HF_HUB_DISABLE_XET=1 HF_HUB_DISABLE_TELEMETRY=1 HF_HUB_DISABLE_PROGRESS_BARS=1 \
    WORK="$work" COMMIT="$commit" "$python" -
}

echo "== what heros brings, Python finds without a network"
mkdir "$work/ours" "$work/theirs" "$work/both"
heros "$work/ours" openai/whisper "$commit" >"$work/ours.jsonl"
heros "$work/ours" Qwen/embedding main >>"$work/ours.jsonl"
client "$work/ours" <<'PYTHON'
import os
from huggingface_hub import scan_cache_dir, snapshot_download, try_to_load_from_cache
commit = os.environ["COMMIT"]
for repo, revision in (("openai/whisper", None), ("openai/whisper", commit), ("Qwen/embedding", "main")):
    path = snapshot_download(repo, revision=revision, local_files_only=True)
    files = sorted(os.path.relpath(os.path.join(d, f), path) for d, _, fs in os.walk(path) for f in fs)
    print(repo, revision or "(no revision)", files)
    assert all(os.path.isfile(os.path.join(path, f)) for f in files)
    assert len(files) == (4 if "whisper" in repo else 2), files
assert isinstance(try_to_load_from_cache("openai/whisper", "onnx/deep/encoder.onnx"), str)
scan = scan_cache_dir()
assert not scan.warnings, scan.warnings
assert {r.repo_id for r in scan.repos} == {"openai/whisper", "Qwen/embedding"}
# Online, the client finds nothing left to do and keeps every blob.
before = {b: os.stat(b).st_mtime_ns for b in sorted(str(f.blob_path) for r in scan.repos for v in r.revisions for f in v.files)}
snapshot_download("openai/whisper", revision=commit)
assert before == {b: os.stat(b).st_mtime_ns for b in before}
PYTHON

echo "== what Python brings from the embedded Hub, heros takes as it is"
client "$work/theirs" <<'PYTHON'
from huggingface_hub import snapshot_download
print(snapshot_download("openai/whisper"))
print(snapshot_download("Qwen/embedding"))
PYTHON
heros "$work/theirs" openai/whisper main >"$work/theirs.jsonl"
heros "$work/theirs" Qwen/embedding main >>"$work/theirs.jsonl"
[ "$(grep -c '"type":"download.finished","fetchedBytes":0,' "$work/theirs.jsonl")" = 2 ]
for blob in "$work"/ours/hub/models--openai--whisper/blobs/*; do
  cmp "$blob" "$work/theirs/hub/models--openai--whisper/blobs/$(basename "$blob")"
done

echo "== both at once, on one cache"
heros "$work/both" openai/whisper main >"$work/both.jsonl" &
ours=$!
client "$work/both" <<'PYTHON'
from huggingface_hub import snapshot_download
print(snapshot_download("openai/whisper"))
PYTHON
wait "$ours"
for blob in "$work"/ours/hub/models--openai--whisper/blobs/*; do
  cmp "$blob" "$work/both/hub/models--openai--whisper/blobs/$(basename "$blob")"
done
left=$(find "$work/both/hub" -name '*.heros-*' -o -name '*.incomplete')
[ -z "$left" ] || { echo "left behind: $left"; exit 1; }

echo "== Python waits for a lock that heros holds"
"$node" --input-type=module -e '
  import { realFileLocks } from "./src/host/file-locks.ts";
  const locks = realFileLocks(process.env);
  console.log(await locks.acquire(process.argv[1]));
  setTimeout(() => locks.close(), 30000).ref();
' "$work/held.lock" >"$work/held" &
holder=$!
until [ -s "$work/held" ]; do sleep 0.1; done
client "$work/ours" <<'PYTHON'
import os
from filelock import FileLock, Timeout
try:
    FileLock(os.path.join(os.environ["WORK"], "held.lock"), timeout=0.5).acquire()
except Timeout:
    print("it waits")
else:
    raise SystemExit("Python took a lock that heros holds")
PYTHON
kill "$holder"
echo "Python's client and heros agree"
