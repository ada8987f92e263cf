import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

// Tests see one environment, whether npm starts them or a person does.
for (const name of Object.keys(process.env)) {
  if (/^npm_/i.test(name)) delete process.env[name];
}

// Whole installations, each a chain of processes.
const installations = ["test/install/**/*.test.ts", "test/release/**/*.test.ts"];

// Matrices, and what takes a minute: by hand, and by .ci/full.
const thorough = ["test/**/*.thorough.test.ts"];

export default defineConfig({
  test: {
    // Only to end what hangs: how long a test takes is the machine's affair.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 240_000 } },
    // Tests wait for processes and sockets more than they compute, so that a core keeps three workers busy.
    maxWorkers: 3 * availableParallelism(),
    projects: [
      {
        extends: true,
        test: {
          name: "program",
          include: ["test/**/*.test.{ts,tsx}"],
          exclude: [...installations, ...thorough],
        },
      },
      { extends: true, test: { name: "installation", include: installations, exclude: thorough } },
      { extends: true, test: { name: "thorough", include: thorough } },
    ],
  },
});
