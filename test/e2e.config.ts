import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** These need a Docker engine and root, and so are no part of the other tests: `.ci/docker-e2e.sh` runs them. */
export default defineConfig({
  root: fileURLToPath(new URL("../..", import.meta.url)),
  test: {
    include: ["test/docker/**/*.e2e.ts"],
    testTimeout: 120_000,
    hookTimeout: 60_000,
    fileParallelism: false,
    bail: 1,
    reporters: ["verbose"],
  },
});
