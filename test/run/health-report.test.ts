import { expect, test } from "vitest";
import { isHealthReport, parseHealthReport } from "../../src/run/health-report.ts";

const whole = JSON.stringify({
  status: "starting",
  checks: { gpu: { available: true, device: "NVIDIA GB10" }, models: {} },
  capabilities: { memory_search: true, voice_stt: false },
});

test.each([
  [whole, true],
  ['{"status": "ok"}', false],
  ['{"status": "healthy", "capabilities": ["voice"]}', false],
  ["<html>", false],
])("only Annie answers so: %s", (body, expected) => {
  expect(isHealthReport(body)).toBe(expected);
});

test("what is left out of a report is nothing that she has", () => {
  expect(parseHealthReport('{"status": "starting"}')).toEqual({
    status: "starting",
    checks: { models: {} },
    capabilities: {},
  });
});
