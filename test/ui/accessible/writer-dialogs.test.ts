import { expect, test } from "vitest";
import type { FailedChecks } from "../../../src/plan/interview.ts";
import { createAccessibleWriter, meetInLines } from "../../../src/ui/accessible/writer.ts";
import { createMemoryTerminal } from "../../terminal/memory-terminal.ts";
import { failedGpu, failedPort } from "../failed-checks.ts";

const run = { command: "setup", pid: 4242 };
const blocking: FailedChecks = { checks: [failedPort, failedGpu], blocking: true };
const harmless: FailedChecks = { checks: [failedGpu], blocking: false };

test.each([
  [["x", "2"], "stop", 2],
  [[""], "watch", 1],
  [[], "quit", 1],
])("a screen reader's person types %j", async (typed, meeting, told) => {
  const said: string[] = [];
  const lines = [...typed];
  const next = async () => lines.shift() ?? null;
  const reader = { next, nextUnseen: next, close: () => undefined };
  const { signal } = new AbortController();
  const say = (line: string) => void said.push(line);
  expect(await meetInLines({ run, reader, signal, say })).toBe(meeting);
  expect(said[0]).toContain("PID 4242");
  expect(said.filter((line) => line.startsWith("Type a number"))).toHaveLength(told);
});

test.each([
  { typed: ["what", "r"], failed: blocking, wish: "again" },
  { typed: ["", "q"], failed: blocking, wish: "stop" },
  { typed: [""], failed: harmless, wish: "onward" },
])("in lines, $typed means $wish", async ({ typed, failed, wish }) => {
  const memory = createMemoryTerminal();
  const writer = createAccessibleWriter(memory.terminal);
  memory.type(typed.map((line) => `${line}\n`).join(""));
  expect(await writer.remedy?.(failed, new AbortController().signal)).toBe(wish);
  await writer.close();
  const said = memory.stdout();
  expect(said).toContain("Fix: ");
  expect(said).toContain("type r and press Enter to check again");
});
