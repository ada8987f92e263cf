#!/bin/sh
# Do a real S3 server, and the AWS tools, agree with heros about buckets?
#   sh test/agreement/s3.sh
# Builds versitygw (a minute) unless VERSITYGW names one. Says SKIPPED, and ends with 0, only where Go or its module proxy can't be had.
. "$(dirname "$0")/head.sh"

program=${VERSITYGW:-}
[ -n "$program" ] || built versitygw github.com/versity/versitygw/cmd/versitygw@v1.8.0

mkdir -p "$work/home" "$work/data/models"
port=$(free_port)
ROOT_ACCESS_KEY=testkey ROOT_SECRET_KEY=testsecret \
  "$program" --port "127.0.0.1:$port" posix "$work/data" >"$work/server.log" 2>&1 &
server=$!
start_hub --file openai/whisper:model.safetensors:40000001 \
  --file openai/whisper:config.json:900 \
  --file openai/whisper:onnx/deep/encoder.onnx:2500000 \
  --file "Qwen/embedding:with space/a +é&.bin:5000000" \
  --file Qwen/embedding:empty.txt:0
log=$work/server.log wait_for 10 "versitygw did not start" "$node" -e \
  "require('node:net').connect($port, '127.0.0.1').on('error', () => process.exit(1)).on('connect', () => process.exit(0))"

secret=testsecret
options=
# ours ARGUMENTS: heros with the keys, and the JSON lines in $work/heros.jsonl
ours() {
  env -i PATH="$PATH" HOME="$work/home" HF_ENDPOINT="$endpoint" NODE_OPTIONS="$options" \
    AWS_ENDPOINT_URL_S3="http://127.0.0.1:$port" AWS_ACCESS_KEY_ID=testkey AWS_SECRET_ACCESS_KEY="$secret" \
    "$node" "$heros" "$@" --json >"$work/heros.jsonl"
}
must() {
  ours "$@" || {
    tail -n 1 "$work/heros.jsonl"
    exit 1
  }
}
# fails STATUS CODE ARGUMENTS
fails() {
  status=$1
  code=$2
  shift 2
  found=0
  ours "$@" || found=$?
  if [ "$found" != "$status" ] || ! tail -n 1 "$work/heros.jsonl" | grep -q "\"code\":\"$code\""; then
    echo "heros $*: expected $status and $code, got $found:"
    tail -n 1 "$work/heros.jsonl"
    exit 1
  fi
}

must pull openai/whisper Qwen/embedding --cache-dir "$work/one"
kill "$beside"
beside=
must models push s3://models/annie --cache-dir "$work/one"
must pull s3://models/annie --cache-dir "$work/two"
for model in openai--whisper Qwen--embedding; do
  diff -r "$work/one/models--$model" "$work/two/models--$model"
done
echo "ok: what was pushed and pulled back is the same"

must models push s3://models/annie --cache-dir "$work/one"
grep -c '"model.pushed".*"sentBytes":0' "$work/heros.jsonl" | grep -qx 2
echo "ok: a second push sends nothing"

must pull openai/whisper --endpoint s3://models/annie --cache-dir "$work/three"
diff -r "$work/one/models--openai--whisper" "$work/three/models--openai--whisper"
echo "ok: the bucket takes the Hub's place"

fails 2 s3.bucket_not_found pull s3://nowhere/annie --cache-dir "$work/four"
fails 2 s3.models_not_found pull s3://models/empty --cache-dir "$work/four"
secret=wrong
fails 2 s3.key_refused pull s3://models/annie --cache-dir "$work/four"
fails 2 s3.key_refused models push s3://models/annie --cache-dir "$work/one"
secret=testsecret
cat >"$work/skew.mjs" <<'END'
const Real = Date;
globalThis.Date = class extends Real {
  constructor(...given) {
    if (given.length === 0) super(Real.now() + 3_600_000);
    else super(...given);
  }
  static now() {
    return Real.now() + 3_600_000;
  }
};
END
options="--import=$work/skew.mjs"
fails 4 s3.skewed pull s3://models/annie --cache-dir "$work/four"
options=
echo "ok: a missing bucket, an empty one, a wrong secret and a wrong clock are told as what they are"

# The AWS tools, where Python and its package registry can be had.
if with_python awscli; then
  aws() {
    env -i PATH="$PATH" HOME="$work/home" AWS_ACCESS_KEY_ID=testkey AWS_SECRET_ACCESS_KEY=testsecret AWS_REGION=us-east-1 \
      "$work/venv/bin/aws" --endpoint-url "http://127.0.0.1:$port" "$@"
  }
  aws --version
  aws s3 ls --recursive s3://models/annie/ | awk '{print $3}' >"$work/sizes"
  grep -qx 40000001 "$work/sizes"
  commit=$(ls "$work/one/models--openai--whisper/snapshots")
  aws s3 cp --quiet "s3://models/annie/openai/whisper/$commit/model.safetensors" "$work/by-aws"
  cmp "$work/by-aws" "$work/one/models--openai--whisper/snapshots/$commit/model.safetensors"
  echo "ok: aws reads what heros pushed"
  # It follows the links of a cache.
  aws s3 sync --quiet --exclude '.*' "$work/one" s3://models/copied
  must pull s3://models/copied --cache-dir "$work/five"
  diff -r "$work/one/models--openai--whisper" "$work/five/models--openai--whisper"
  echo "ok: heros reads a cache that aws copied"
else
  echo "SKIPPED: the AWS tools can't be installed here"
fi
echo "agreed"
