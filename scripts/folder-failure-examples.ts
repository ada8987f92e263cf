const place = "/mnt/nas/models";
const site = "https://models.example/spark/";
const repo = "openai/whisper-large-v3";
const file = `${repo}/06f233fe06e710322aca913c1bc4249a0d71fce1/model.safetensors`;

/** As those of `scripts/failure-examples.ts`, of folders. */
export const folderFailureExamples = {
  "folder.bad_manifest": [
    { place, problem: "it is not JSON" },
    { place: site, problem: "it has more than 64 MiB" },
  ],
  "folder.bad_name": [{ name: "file:models", problem: "write three slashes: file:///PATH" }],
  "folder.busy": [{ place }],
  "folder.denied": [{ place: site, status: 401 }],
  "folder.incomplete": [{ place, file }],
  "folder.model_not_found": [
    { place, repo, revision: "main", known: ["Qwen/Qwen3-Embedding-0.6B", "urchade/gliner"] },
    { place: site, repo, revision: "v2", known: [] },
  ],
  "folder.no_manifest": [{ place }, { place: site }],
  "folder.not_found": [{ place }],
  "folder.not_writable": [{ place, reason: "EACCES" }],
  "folder.of_hub": [
    { address: `https://huggingface.co/${repo}/`, repo },
    { address: "https://huggingface.co/models/", repo: null },
  ],
  "folder.proxy": [
    { place: site, status: 403, unusable: null },
    { place: site, status: 0, unusable: "heros supports HTTP proxies only" },
  ],
  "folder.read_only": [{ place: site }],
  "folder.refused": [{ place: site, status: 405 }],
  "folder.server_error": [{ place: site, reason: "status 503" }],
  "folder.strange": [{ place: site, what: "a web page instead of heros-manifest.json" }],
  "folder.tls": [{ place: site, reason: "SELF_SIGNED_CERT_IN_CHAIN" }],
  "folder.unreachable": [{ place: site, reason: "connection refused" }],
  "folder.unreadable": [{ place, file, reason: "EACCES" }],
  "folder.unsafe_link": [{ place, file }],
  "folder.wrong_size": [{ place, file, bytes: 1000, wanted: 3_090_000_000 }],
} as const;
