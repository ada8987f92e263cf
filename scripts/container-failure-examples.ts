import type { DataOf } from "../src/run/failures/table.ts";

type Example = DataOf<"annie.container_failed">;

const stackDir = "/home/ann/her-os";

const gpuCauses = [
  { kind: "gpu-memory", lack: "cache" },
  { kind: "gpu-memory", lack: "any" },
  { kind: "gpu-lost", until: "restart" },
  { kind: "gpu-lost", until: "reboot" },
] as const;

/** Examples of containers that fail, one for each kind of cure. */
export const containerFailureExamples: {
  readonly "annie.container_failed": readonly [Example, ...Example[]];
} = {
  "annie.container_failed": [
    {
      stackDir,
      service: "her-os-core",
      state: "restarting",
      exitCode: 137,
      logLines: ["loading whisper-large-v3", "Killed"],
      likelyCause: { kind: "killed", memoryLimitBytes: 8 * 1024 ** 3, isCertain: true },
      checkSays: null,
    },
    {
      stackDir,
      service: "her-os-core",
      state: "unhealthy",
      exitCode: null,
      logLines: ["loading qwen3-embedding-0.6b"],
      likelyCause: null,
      checkSays: "curl: (28) Operation timed out after 5001 milliseconds",
    },
    {
      stackDir,
      service: "postgres",
      state: "exited",
      exitCode: 1,
      logLines: [],
      likelyCause: { kind: "passwords" },
      checkSays: null,
    },
    {
      stackDir,
      service: "vllm",
      state: "exited",
      exitCode: 1,
      logLines: [
        "ValueError: Free memory on device (53.2/121.7 GiB) on startup is less than desired GPU memory utilization (0.9, 109.5 GiB).",
      ],
      likelyCause: { kind: "gpu-memory", lack: "share" },
      checkSays: null,
    },
    ...gpuCauses.map((likelyCause) => ({
      stackDir,
      service: "vllm",
      state: "restarting",
      exitCode: 1,
      logLines: [],
      likelyCause,
      checkSays: null,
    })),
  ],
};
