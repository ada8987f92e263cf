const there = { host: "spark-2", words: "ann@spark-2" } as const;
const file = "/home/ann/heros-0.2.0-linux-arm64.tar.gz";
const folder = "/home/ann/.cache/heros/install";

/** Examples of `heros push`'s failures. */
export const pushFailureExamples = {
  "push.bad_address": [
    { address: "ann@", problem: "it names no machine" },
    { address: "spark-2:/data", problem: "it names a folder" },
  ],
  "push.bad_answer": [{ host: "spark-2", what: "it does not end" }],
  "push.bad_release": [{ file, problem: "it does not exist" }],
  "push.denied": [
    { ...there, interactive: true },
    { ...there, interactive: false },
  ],
  "push.disk_full": [{ host: "spark-2", folder }],
  "push.failed_there": [
    { host: "spark-2", what: "Sending heros", said: "another push writes there" },
  ],
  "push.host_changed": [there],
  "push.lacks_tools": [{ host: "spark-2", tools: ["tar", "gzip"] }],
  "push.lost": [
    { host: "spark-2", said: null },
    { host: "spark-2", said: "Timeout, server spark-2 not responding." },
  ],
  "push.no_forwarding": [{ address: "ann@spark-2" }],
  "push.no_release": [
    { how: "checkout", folder: "/home/ann/heros" },
    { how: "npm", folder: "/usr/lib/node_modules/heros" },
  ],
  "push.no_shell": [there],
  "push.no_space": [{ host: "spark-2", folder, neededBytes: 200_000_000, freeBytes: 12_000_000 }],
  "push.no_ssh": [undefined],
  "push.not_cached": [{ models: ["whisper-large-v3"] }],
  "push.not_packed": [{ reason: "tar: heros.tar.gz: Cannot write: No space left on device" }],
  "push.not_received": [{ host: "spark-2", sha256: "ab".repeat(32) }],
  "push.not_writable": [{ host: "spark-2", folder }],
  "push.other_platform": [
    { host: "spark-2", own: "linux-x64", platform: "linux-arm64", isNamed: false },
    { host: "spark-2", own: "linux-x64", platform: "linux-arm64", isNamed: true },
  ],
  "push.unknown_host": [there],
  "push.unreachable": [{ ...there, reason: "connect to host spark-2 port 22: Connection refused" }],
  "push.wrong_machine": [
    { host: "spark-2", what: "it is Darwin on arm64" },
    { host: "spark-2", what: "it has musl" },
  ],
} as const;
