import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

// Tests see one environment, whether npm starts them or a person does.
for (const name of Object.keys(process.env)) {
  if (/^npm_/i.test(name)) delete process.env[name];
}

export default defineConfig({
  test: {
    include: ["test/**/*.test.{ts,tsx}"],
    testTimeout: 20_000,
    // Real processes, terminals and connections, on machines that others use too: a moment may be missed.
    // What is broken fails three times; a retry is shown in the output.
    retry: 2,
    // Tests wait for processes and sockets more than they compute, so that even one core keeps two workers busy.
    maxWorkers: Math.max(2, availableParallelism()),
  },
});
