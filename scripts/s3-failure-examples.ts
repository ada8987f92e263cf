const place = "s3://models/annie";
const endpoint = "https://minio.example:9000";
const at = { endpoint };
const repo = "openai/whisper-large-v3";
const commit = "06f233fe06e710322aca913c1bc4249a0d71fce1";
const key = `annie/${repo}/${commit}/model.safetensors`;

/** As those of `scripts/failure-examples.ts`, of buckets. */
export const s3FailureExamples = {
  "s3.bad_manifest": [{ place, problem: "it is not JSON" }],
  "s3.bad_name": [{ name: "s3://Mo dels", problem: '"Mo dels" is not the name of a bucket' }],
  "s3.bad_setting": [
    {
      name: "AWS_ENDPOINT_URL_S3",
      problem: "is not an address such as https://minio.example:9000",
    },
  ],
  "s3.bucket_not_found": [{ ...at, bucket: "models" }],
  "s3.busy": [{ place }],
  "s3.changed_on_the_way": [{ place, key }],
  "s3.denied": [
    { place, ...at, withKey: true },
    { place, ...at, withKey: false },
  ],
  "s3.incomplete": [{ place, key }],
  "s3.key_refused": [{ ...at, where: "AWS_ACCESS_KEY_ID", reason: "the secret is wrong" }],
  "s3.model_not_found": [
    { place, repo, revision: "main", known: ["Qwen/Qwen3-Embedding-0.6B", "urchade/gliner"] },
  ],
  "s3.models_not_found": [{ place }],
  "s3.no_accounts": [{ place }],
  "s3.no_profile": [
    { profile: "home", files: ["/home/ann/.aws/credentials", "/home/ann/.aws/config"] },
  ],
  "s3.not_cached": [{ models: [repo] }, { models: [] }],
  "s3.only_hub_models": [{ model: "llava:7b" }],
  "s3.other_store": [
    { name: "gs://models/annie", scheme: "gs" },
    { name: "as://account/container", scheme: "as" },
  ],
  "s3.profile_without_keys": [{ profile: "work", way: "single sign-on" }],
  "s3.proxy": [{ ...at, status: 403, unusable: null }],
  "s3.refused": [{ ...at, what: "XMinioStorageFull (Storage backend has reached its limit)" }],
  "s3.server_error": [{ ...at, reason: "status 503" }],
  "s3.skewed": [
    {
      ...at,
      ours: new Date("2026-11-27T10:00:00"),
      theirs: new Date("2026-11-27T14:20:00"),
    },
  ],
  "s3.strange": [{ ...at, what: "status 200 with a web page" }],
  "s3.tls": [{ ...at, reason: "SELF_SIGNED_CERT_IN_CHAIN" }],
  "s3.unreachable": [{ ...at, reason: "connection refused" }],
  "s3.unverifiable": [{ place, repo, path: "model.safetensors" }],
  "s3.wrong_region": [
    {
      endpoint: "https://s3.us-east-1.amazonaws.com",
      bucket: "models",
      region: "us-east-1",
      other: "eu-central-1",
    },
  ],
} as const;
