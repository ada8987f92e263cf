const stackDir = "/home/ann/her-os";

/** Examples of what can be wrong with a stack that runs. */
export const annieFailureExamples = {
  "annie.held_back": [{ stackDir, service: "model-warmup", exitCode: 1, logLines: null }],
  "annie.container_gone": [{ service: "her-os-core" }],
  "annie.degraded": [
    { stackDir, status: "degraded", lacks: ["memory_search"] },
    { stackDir, status: null, lacks: ["voice_stt"] },
  ],
  "annie.not_proved": [
    { stackDir, asked: "POST /search", said: "HTTP 500 came back: Internal Server Error" },
  ],
  "annie.still_starting": [{ stackDir }],
  "annie.unreachable": [
    { stackDir, url: "http://127.0.0.1:8000", from: "nobody" },
    { stackDir, url: "http://127.0.0.1:8000", from: "stranger" },
  ],
  "annie.unsteady": [{ stackDir, relapses: 3 }],
} as const;
