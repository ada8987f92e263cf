import { expect, test } from "vitest";
import { answerLimitMs } from "../../src/host/time-limit.ts";
import { spark } from "../machine/machines.ts";

test.each([
  [0, 4000],
  [1, 4000],
  [1.2, 8000],
  [3, 12_000],
  [40, 20_000],
])("with %d tasks for each core a question may take %d ms", (tasks, limitMs) => {
  const system = { ...spark.host.system, tasksPerCore: () => tasks };
  expect(answerLimitMs({ system })).toBe(limitMs);
});
