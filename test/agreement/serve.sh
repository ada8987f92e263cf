#!/bin/sh
# Does every client of the Hub download from heros serve, with HF_ENDPOINT alone?
#   sh test/agreement/serve.sh
# Each part whose client can't be had says SKIPPED.
. "$(dirname "$0")/head.sh"

start_hub --page-size 2 \
  --file openai/whisper:model.safetensors:30000001 \
  --file openai/whisper:config.json:900 \
  --file openai/whisper:onnx/deep/encoder.onnx:2500000 \
  --file Qwen/embedding:config.json:0
hub=$endpoint

# serve NAME ARGUMENTS: heros serve of $work/NAME/hub, as $server and at $url
serve() {
  log=$work/$1.log
  cache=$work/$1/hub
  shift
  env -i PATH="$PATH" HOME="$work/home" "$node" "$heros" serve --json --listen 127.0.0.1:0 \
    --cache-dir "$cache" "$@" >"$log" &
  server="$server $!"
  wait_for 20 "heros serve did not start" grep -q serve.listening "$log"
  url=$(sed -n 's/.*"serve.listening","url":"\([^"]*\)".*/\1/p' "$log")
}

echo "== a cache that heros filled, served to"
env -i PATH="$PATH" HOME="$work/home" "$node" "$heros" pull openai/whisper Qwen/embedding \
  --endpoint "$hub" --cache-dir "$work/first/hub" --quiet
serve first --upstream "$hub"
blobs=$work/first/hub/models--openai--whisper/blobs
# same FOLDER: it has the same contents
same() {
  for blob in "$blobs"/*; do
    cmp "$blob" "$1/$(basename "$blob")"
  done
}
weights=$url/openai/whisper/resolve/main/model.safetensors
sum=$(find "$blobs" -size +20M -exec basename {} \;)

echo "== another heros"
env -i PATH="$PATH" HOME="$work/other" HF_ENDPOINT="$url" "$node" "$heros" pull openai/whisper \
  --cache-dir "$work/heros" --quiet
same "$work/heros/models--openai--whisper/blobs"

echo "== @huggingface/hub"
HF_ENDPOINT=$url CACHE=$work/js "$node" --input-type=module -e '
  import { listFiles, snapshotDownload, downloadFile } from "@huggingface/hub";
  const { HF_ENDPOINT: hubUrl, CACHE: cacheDir } = process.env;
  const repo = "openai/whisper";
  let files = 0;
  for await (const file of listFiles({ repo, recursive: true, hubUrl })) files += file.type === "file";
  if (files !== 3) throw new Error(`${files} files`);
  await snapshotDownload({ repo, hubUrl, cacheDir });
  const blob = await downloadFile({ repo, path: "model.safetensors", hubUrl });
  if (blob.size !== 30000001) throw new Error(`${blob.size} bytes`);
  await blob.slice(29999000).arrayBuffer();
'
same "$work/js/models--openai--whisper/blobs"

echo "== curl"
if command -v curl >/dev/null; then
  curl -sSfL --retry 2 -o "$work/curl.bin" "$weights"
  [ "$(sha256sum <"$work/curl.bin" | cut -d' ' -f1)" = "$sum" ]
  head -c 1000000 "$work/curl.bin" >"$work/part.bin"
  curl -sSfL -C - -o "$work/part.bin" "$weights"
  cmp "$work/curl.bin" "$work/part.bin"
  [ "$(curl -s -o "$work/not-modified" -w '%{http_code}' -H "If-None-Match: \"$sum\"" "$weights")" = 304 ]
else echo "SKIPPED: no curl here"; fi

echo "== aria2, over several connections"
if command -v aria2c >/dev/null; then
  aria2c -q -x 8 -s 8 -k 1M --checksum="sha-256=$sum" -d "$work" -o aria2.bin "$weights"
  cmp "$work/curl.bin" "$work/aria2.bin"
else echo "SKIPPED: no aria2c here"; fi

echo "== Python's snapshot_download and hf download, with hf_xet"
if with_python huggingface_hub && "$work/venv/bin/python" -m pip install -q hf_xet >"$work/xet.log" 2>&1; then
  # python FOLDER COMMAND…: with nothing set but the endpoint, and a token of another server
  python() {
    folder=$1
    shift
    env -i PATH="$work/venv/bin:$PATH" HOME="$work/$folder" HF_ENDPOINT="$url" HF_TOKEN=hf_of_another_server \
      HF_HUB_DISABLE_TELEMETRY=1 HF_HUB_DISABLE_PROGRESS_BARS=1 "$@"
  }
  python snapshot python -c '
import hf_xet, huggingface_hub
print("huggingface_hub", huggingface_hub.__version__)
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
snapshot_download("openai/whisper")
hf_hub_download("Qwen/embedding", "config.json")
assert HfApi().model_info("openai/whisper").siblings
'
  same "$work/snapshot/.cache/huggingface/hub/models--openai--whisper/blobs"
  python command hf download openai/whisper >"$work/hf.log"
  same "$work/command/.cache/huggingface/hub/models--openai--whisper/blobs"
else echo "SKIPPED: Python with venv, or its package registry, can't be had"; fi

echo "every client agrees with heros serve"
