import type { CheckFinished } from "../../src/run/events/machine.ts";

export const failedPort: CheckFinished = {
  type: "check.finished",
  id: "port",
  title: "Port for Annie",
  status: "failed",
  code: "port.taken",
  found: "port 8000 is in use by python3 (PID 4711)",
  remedy: "Stop it (kill 4711), or use another port (heros setup --port 8001).",
  elapsedMs: 3,
};
export const failedGpu: CheckFinished = {
  type: "check.finished",
  id: "docker.gpu",
  title: "GPU in containers",
  status: "warning",
  found: "not available to containers",
  remedy: "sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker",
  elapsedMs: 3,
};
