import { expect, test } from "vitest";
import { meetInLines } from "../../src/ui/accessible/dialogs.ts";
import { frameColumns, frameRows, lineWidth } from "../../src/ui/ink/line.ts";
import { backgroundLines, pressedOnBackground } from "../../src/ui/ink/dialogs.tsx";
import { createTheme } from "../../src/ui/ink/theme.ts";

const run = { command: "setup", pid: 4242 };
const theme = createTheme({ color: false, unicode: false });

test.each([
  { columns: 200, rows: 60 },
  { columns: 80, rows: 24 },
  { columns: 60, rows: 15 },
  { columns: 40, rows: 10 },
])("the page on a run in the background fits $columns by $rows, all choices on it", (size) => {
  const lines = backgroundLines(run, { index: 0, size, theme });
  expect(lines.length).toBeLessThanOrEqual(frameRows(size) - 1);
  for (const line of lines) expect(lineWidth(line)).toBeLessThanOrEqual(frameColumns(size));
  const text = lines.map((line) => line.map((span) => span.text).join("")).join("\n");
  expect(text).toMatch(
    /process\s+4242[^]*> 1\. Look at it[^]*2\. Stop it, and go on here[^]*3\. Leave it alone/,
  );
});

test("arrows, j and k move, Enter and numbers choose, Esc and q leave it alone", () => {
  const letter = (text: string) => ({ kind: "text", text }) as const;
  expect(pressedOnBackground(0, { kind: "down" })).toBe(1);
  expect(pressedOnBackground(2, letter("j"))).toBe(2);
  expect(pressedOnBackground(1, letter("k"))).toBe(0);
  expect(pressedOnBackground(1, { kind: "enter" })).toBe("stop");
  expect(pressedOnBackground(0, letter("1"))).toBe("watch");
  expect(pressedOnBackground(0, letter("9"))).toBe(0);
  expect(pressedOnBackground(1, { kind: "escape" })).toBe("quit");
  expect(pressedOnBackground(1, letter("q"))).toBe("quit");
});

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
  expect(said[0]).toContain("process 4242");
  expect(said.filter((line) => line.startsWith("Type a number"))).toHaveLength(told);
});
