import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** These take minutes, or a Docker engine and root, and so are no part of the other tests: scripts of `.ci` run them. */
export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    include: ["test/**/*.e2e.ts"],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 240_000 } },
    fileParallelism: false,
    bail: 1,
    reporters: ["verbose"],
  },
});
